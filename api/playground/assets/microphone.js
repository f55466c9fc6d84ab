/** The caller's microphone, and what may be wrong with it. */

/** Something in the way of a call: `kind` is a key of `TROUBLES`. */
export class Trouble extends Error {
  constructor(kind, detail = "") {
    super(detail);
    this.kind = kind;
  }
}

const KINDS = {
  NotAllowedError: "microphoneRefused",
  SecurityError: "microphoneRefused",
  NotFoundError: "microphoneMissing",
  OverconstrainedError: "microphoneMissing",
  NotReadableError: "microphoneBusy",
  AbortError: "microphoneBusy",
};

/** The microphone's track. Asked for before a session is started, so that a refusal costs nothing. Throws `Trouble`. */
export async function openMicrophone() {
  if (!navigator.mediaDevices) throw new Trouble("insecure");
  try {
    const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    return stream.getAudioTracks()[0];
  } catch (error) {
    throw new Trouble(KINDS[error.name] ?? "microphoneBusy", `${error.name}: ${error.message}`);
  }
}
