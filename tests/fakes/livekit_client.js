// LiveKit's client library as far as the playground uses it; a test is the server: `fakeRoom` is the present room.
(() => {
  const RoomEvent = Object.fromEntries(
    ["TrackSubscribed", "TrackUnsubscribed", "ParticipantAttributesChanged", "Reconnecting", "Reconnected",
      "AudioPlaybackStatusChanged", "Disconnected"].map((name) => [name, name]),
  );
  const DisconnectReason = { CLIENT_INITIATED: 1, DUPLICATE_IDENTITY: 2, PARTICIPANT_REMOVED: 4, ROOM_DELETED: 5 };
  const tone = () => {
    const context = new AudioContext();
    const gain = new GainNode(context, { gain: 0 });
    const out = context.createMediaStreamDestination();
    const oscillator = new OscillatorNode(context, { frequency: 180 });
    oscillator.connect(gain).connect(out);
    oscillator.start();
    return { gain, track: out.stream.getAudioTracks()[0] };
  };

  class LocalAudioTrack {
    isMuted = false;
    constructor(mediaStreamTrack) { this.mediaStreamTrack = mediaStreamTrack; }
    async mute() { this.isMuted = true; }
    async unmute() { this.isMuted = false; }
  }

  globalThis.fakeRooms = []; // all that were joined
  class Room {
    static joins = true; // false: LiveKit cannot be reached
    static attempts = 0;
    static publishes = true; // false: it can, but takes no track
    #listeners = {};
    #streams = {};
    #isConnected = false;
    canPlaybackAudio = true;
    localParticipant = {
      audioLevel: 0,
      publishTrack: async (track) => {
        if (!Room.publishes) throw new Error("publishing rejected as engine not connected within timeout");
        this.publication = { track: track.mediaStreamTrack, get isMuted() { return track.isMuted; }, wasMuted: track.isMuted };
      },
    };
    constructor(options) { this.options = options; }
    on(name, listener) { this.#listeners[name] = listener; return this; }
    emit(name, ...news) {
      if (name === "Disconnected") this.#isConnected = false;
      this.#listeners[name]?.(...news);
    }
    registerTextStreamHandler(topic, handler) { this.#streams[topic] = handler; }
    async connect(url, token) {
      Room.attempts += 1;
      if (!Room.joins) {
        this.emit("Disconnected"); // as of a room that was joined
        throw new Error("could not establish signal connection: Failed to fetch");
      }
      this.joined = { url, token };
      this.#isConnected = true;
      globalThis.fakeRoom = this;
      fakeRooms.push(this);
    }
    async disconnect(stopsTracks = true) {
      this.left = true;
      if (stopsTracks) this.publication?.track.stop();
      if (this.#isConnected) this.emit("Disconnected", DisconnectReason.CLIENT_INITIATED);
    }
    async startAudio() { this.canPlaybackAudio = true; }

    // The test's side.
    agentComes(generation) {
      const identity = `agent_${generation}_AJ_x`;
      const { gain, track } = tone();
      const element = () => document.createElement("audio");
      const remote = { kind: "audio", sid: `TR_${generation}`, mediaStreamTrack: track, attach: element, detach: () => [] };
      this.agent = { participant: { identity, audioLevel: 0 }, gain, remote };
      this.emit("TrackSubscribed", remote, {}, this.agent.participant);
    }
    agentGoes() { this.emit("TrackUnsubscribed", this.agent.remote); }
    loudness(value) { this.agent.gain.gain.value = value; }
    mood(word) { this.emit("ParticipantAttributesChanged", { "lk.agent.state": word }, this.agent.participant); }
    caption(identity, segment, words, final = true) {
      const attributes = { "lk.segment_id": segment, "lk.transcription_final": String(final) };
      const reader = { info: { id: segment, attributes }, async *[Symbol.asyncIterator]() { yield* words; } };
      return this.#streams["lk.transcription"](reader, { identity });
    }
  }
  const log = { level: "info", setLevel(level) { log.level = level; } };
  globalThis.fakeLog = log;
  const logging = { LogLevel: { info: "info", silent: "silent" }, LoggerNames: { Engine: "engine" }, getLogger: () => log };
  globalThis.LivekitClient = { ...logging, LocalAudioTrack, Room, RoomEvent, DisconnectReason, Track: { Kind: { Audio: "audio" }, Source: { Microphone: "microphone" } } };
})();
