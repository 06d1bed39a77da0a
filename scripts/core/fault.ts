/**
 * What whoever asks can mend. The message is one sentence for a person: it names files, lines and fields, and never
 * their content, which may be a patient's own words.
 */
export class CoreFault extends Error {
  readonly kind: FaultKind;

  constructor(kind: FaultKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Python turns a kind into one of its own errors, each with an exit code (scripts/train/medadapter_train/core.py). */
export type FaultKind =
  /** The request is not as the operation has it: a fault of ours on the other side. */
  | "bad_request"
  | "unknown_task"
  /** A candidate file: unreadable, or a line that is not as docs/data.md has it. */
  | "file_missing"
  | "file_damaged"
  | "empty_file"
  | "bad_record"
  | "unknown_label"
  | "no_candidates"
  | "same_name"
  /** An adapter's bundle, or the engine that runs it. */
  | "bundle_refused"
  | "engine_failed"
  /** A running service that was asked for scores. */
  | "service_refused"
  /** What an earlier run left in the folder for scored files. */
  | "journal_unusable";
