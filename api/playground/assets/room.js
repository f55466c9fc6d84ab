/** The LiveKit room of a session: voices out and in, captions, and who is there. */

import "./vendor/livekit-client.umd.js";
import { Level } from "./levels.js";
import { Trouble } from "./microphone.js";

const { DisconnectReason, LocalAudioTrack, LogLevel, LoggerNames, Room, RoomEvent, Track, getLogger } = globalThis.LivekitClient;

const CAPTIONS = "lk.transcription";
const SEGMENT = "lk.segment_id";
const FINAL = "lk.transcription_final";
const AGENT_STATE = "lk.agent.state";

// Also when the library leaves by itself, as in a tab that the browser freezes, nobody meant to go.
const GONE = {
  [DisconnectReason.DUPLICATE_IDENTITY]: "elsewhere",
  [DisconnectReason.PARTICIPANT_REMOVED]: "removed",
};

/** The generation in an agent's identity; null for anybody else. */
export function generationOf(identity) {
  const found = /^agent_(\d+)_/.exec(identity);
  return found && Number(found[1]);
}

/**
 * `hear` is told of everything: `caption(entry)`, `agentState(generation, word)`, `blocked(yes)` when the browser plays
 * no sound before a click; and of a room that was joined and not left, `connection("lost" | "back")` and once
 * `gone(why)`: "elsewhere", "removed" or "closed".
 */
export class CallRoom {
  // The microphone serves the next room as well; and a page may be asked about its unloading and stay.
  #room = new Room({ stopLocalTrackOnUnpublish: false, disconnectOnPageLeave: false });
  #hear;
  #voices = new Map(); // track sid: {level, track}
  #own = null;
  #track = null;
  #isLeft = false;
  #onPageHide = () => this.#disconnect();
  /** Whether it can be spoken in. */
  isJoined = false;

  constructor(hear) {
    this.#hear = hear;
    this.#room
      .on(RoomEvent.TrackSubscribed, (track, _, participant) => this.#play(track, participant))
      .on(RoomEvent.TrackUnsubscribed, (track) => this.#drop(track.sid))
      .on(RoomEvent.ParticipantAttributesChanged, (changed, participant) => {
        const generation = generationOf(participant.identity);
        if (changed[AGENT_STATE] && generation) hear.agentState(generation, changed[AGENT_STATE]);
      })
      .on(RoomEvent.Reconnecting, () => this.isJoined && hear.connection("lost"))
      .on(RoomEvent.Reconnected, () => this.isJoined && hear.connection("back"))
      .on(RoomEvent.AudioPlaybackStatusChanged, () => hear.blocked(!this.#room.canPlaybackAudio))
      .on(RoomEvent.Disconnected, (reason) => this.#onDisconnected(reason));
    this.#room.registerTextStreamHandler(CAPTIONS, (reader, { identity }) => this.#caption(reader, identity));
  }

  /** Join, and speak with `microphone` from then on, if not `muted`. Throws `Trouble`, and is left then. */
  async join(joinToken, microphone, muted) {
    try {
      await this.#room.connect(joinToken.serverUrl, joinToken.token);
      const track = new LocalAudioTrack(microphone, undefined, true);
      if (muted) await track.mute();
      await this.#room.localParticipant.publishTrack(track, { source: Track.Source.Microphone });
      if (this.#isLeft) throw new Error("left while joining");
      this.#track = track;
    } catch (error) {
      this.leave();
      throw new Trouble("unreachable", `${joinToken.serverUrl}: ${error.message}`);
    }
    this.#own = new Level(microphone, this.#room.localParticipant);
    this.isJoined = true;
    addEventListener("pagehide", this.#onPageHide);
  }

  async mute(muted) {
    await (muted ? this.#track?.mute() : this.#track?.unmute());
  }

  /** Levels of now, from 0 to 1. */
  levels() {
    const agents = [...this.#voices.values()].map((voice) => voice.level.read());
    return { agent: Math.max(0, ...agents), caller: this.#track?.isMuted ? 0 : (this.#own?.read() ?? 0) };
  }

  /**
   * Its server is about to close it, or is not after all. The connection may break off a moment before the word of it
   * comes, which the library would write down as an error; any other room begins with its log as it was.
   */
  expectEnd(yes) {
    getLogger(LoggerNames.Engine).setLevel(yes ? LogLevel.silent : LogLevel.info, false);
  }

  /** Let sound be heard, from within a click. */
  unblock() {
    return this.#room.startAudio();
  }

  leave() {
    this.#isLeft = true;
    this.isJoined = false;
    removeEventListener("pagehide", this.#onPageHide);
    for (const sid of [...this.#voices.keys()]) this.#drop(sid);
    this.#own?.close();
    this.#own = null;
    this.#disconnect();
  }

  /** Without stopping the microphone. It is not waited for, and what goes wrong in it changes nothing. */
  #disconnect() {
    this.#room.disconnect(false).catch(() => {});
  }

  #onDisconnected(reason) {
    // The library tells it also of a room that it could not join, and of one that we have left.
    if (!this.isJoined) return;
    this.isJoined = false;
    this.#hear.gone(GONE[reason] ?? "closed");
  }

  #play(track, participant) {
    if (track.kind !== Track.Kind.Audio || !generationOf(participant.identity)) return;
    const element = track.attach();
    element.hidden = true;
    document.body.append(element);
    this.#voices.set(track.sid, { level: new Level(track.mediaStreamTrack, participant), track });
  }

  #drop(sid) {
    const voice = this.#voices.get(sid);
    if (!voice) return;
    this.#voices.delete(sid);
    voice.level.close();
    for (const element of voice.track.detach()) element.remove();
  }

  async #caption(reader, identity) {
    const generation = generationOf(identity);
    const role = generation ? "agent" : "caller";
    const segment = reader.info.attributes?.[SEGMENT] ?? reader.info.id;
    let text = "";
    const tell = (closed) => this.#hear.caption({ segment, role, generation, text, closed });
    try {
      for await (const words of reader) {
        text += words;
        tell(false);
      }
    } catch {
      // The agent died in the middle; the page is told of that by the session itself.
    }
    // The agent's words come as they sound; the caller's as a whole, anew each time, until they are final.
    tell(role === "agent" || reader.info.attributes?.[FINAL] === "true");
  }
}
