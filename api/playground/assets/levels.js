/** How loud a voice is, from 0 to 1, on a scale that looks as it sounds. */

const FLOOR_DB = -58;
const CEILING_DB = -12;

let context;

/** Browsers let a page look into sound after a gesture of its user; until then LiveKit's own coarse level serves. */
export function wakeLevels() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {});
}

addEventListener("pointerdown", () => context && wakeLevels());
addEventListener("keydown", () => context && wakeLevels());

export class Level {
  #source = null;
  #analyser = null;
  #samples;
  #participant;

  constructor(track, participant) {
    this.#participant = participant;
    try {
      wakeLevels();
      this.#source = context.createMediaStreamSource(new MediaStream([track]));
      this.#analyser = new AnalyserNode(context, { fftSize: 1024 });
      this.#samples = new Float32Array(this.#analyser.fftSize);
      this.#source.connect(this.#analyser);
    } catch {
      this.#analyser = null; // a meter is no reason to end a call
    }
  }

  read() {
    if (!this.#analyser || context.state !== "running") return Math.sqrt(this.#participant.audioLevel ?? 0);
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, sample) => sum + sample * sample, 0) / this.#samples.length;
    const decibels = 10 * Math.log10(power || 1e-12);
    return Math.min(1, Math.max(0, (decibels - FLOOR_DB) / (CEILING_DB - FLOOR_DB)));
  }

  close() {
    this.#source?.disconnect();
  }
}
