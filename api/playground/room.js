/** The LiveKit room of a session: voices out and in, captions, and who is there. */

import "./vendor/livekit-client.umd.js";
import { Level } from "./levels.js";
import { Trouble } from "./microphone.js";

const { DisconnectReason, Room, RoomEvent, Track } = globalThis.LivekitClient;

const CAPTIONS = "lk.transcription";
const SEGMENT = "lk.segment_id";
const FINAL = "lk.transcription_final";
const AGENT_STATE = "lk.agent.state";

const LEFT = {
  [DisconnectReason.CLIENT_INITIATED]: "left",
  [DisconnectReason.DUPLICATE_IDENTITY]: "elsewhere",
  [DisconnectReason.PARTICIPANT_REMOVED]: "removed",
};

/** The generation in an agent's identity; null for anybody else. */
export function generationOf(identity) {
  const found = /^agent_(\d+)_/.exec(identity);
  return found && Number(found[1]);
}

/**
 * `hear` is told of everything: `caption(entry)`, `agentState(word)`, `connection("lost" | "back")`, `blocked(yes)` when
 * the browser plays no sound before a click, and once `gone(why)`: "left", "elsewhere", "removed" or "closed".
 */
export class CallRoom {
  #room = new Room({ stopLocalTrackOnUnpublish: false }); // the microphone serves the next room as well
  #hear;
  #voices = new Map(); // track sid: {level, track}
  #own = null;
  #microphone = null;

  constructor(hear) {
    this.#hear = hear;
    this.#room
      .on(RoomEvent.TrackSubscribed, (track, _, participant) => this.#play(track, participant))
      .on(RoomEvent.TrackUnsubscribed, (track) => this.#drop(track.sid))
      .on(RoomEvent.ParticipantAttributesChanged, (changed, participant) => {
        if (changed[AGENT_STATE] && generationOf(participant.identity)) hear.agentState(changed[AGENT_STATE]);
      })
      .on(RoomEvent.Reconnecting, () => hear.connection("lost"))
      .on(RoomEvent.Reconnected, () => hear.connection("back"))
      .on(RoomEvent.AudioPlaybackStatusChanged, () => hear.blocked(!this.#room.canPlaybackAudio))
      .on(RoomEvent.Disconnected, (reason) => hear.gone(LEFT[reason] ?? "closed"));
    this.#room.registerTextStreamHandler(CAPTIONS, (reader, { identity }) => this.#caption(reader, identity));
  }

  /** Join, and speak with `microphone` from then on. Throws `Trouble`. */
  async join(ticket, microphone) {
    try {
      await this.#room.connect(ticket.serverUrl, ticket.token);
      this.#microphone = await this.#room.localParticipant.publishTrack(microphone, {
        source: Track.Source.Microphone,
      });
    } catch (error) {
      throw new Trouble("unreachable", `${ticket.serverUrl}: ${error.message}`);
    }
    this.#own = new Level(microphone, this.#room.localParticipant);
  }

  async mute(muted) {
    await (muted ? this.#microphone?.mute() : this.#microphone?.unmute());
  }

  /** Levels of now, from 0 to 1. */
  levels() {
    const agents = [...this.#voices.values()].map((voice) => voice.level.read());
    return { agent: Math.max(0, ...agents), caller: this.#microphone?.isMuted ? 0 : (this.#own?.read() ?? 0) };
  }

  /** Let sound be heard, from within a click. */
  unblock() {
    return this.#room.startAudio();
  }

  async leave() {
    for (const sid of [...this.#voices.keys()]) this.#drop(sid);
    this.#own?.close();
    this.#own = null;
    await this.#room.disconnect();
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
