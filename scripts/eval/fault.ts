/** What the user can mend: its message is a sentence for them, and all that they are shown. */
export class EvalFault extends Error {}
