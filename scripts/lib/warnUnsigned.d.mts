/** Types of warnUnsigned.mjs, which the build step imports under any Node. */
export function unsignedWarning(command: string | undefined, configPath: string): string | null;
