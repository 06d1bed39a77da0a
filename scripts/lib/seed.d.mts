/** Types of seed.mjs, which stays JavaScript so that set-up scripts can import it under any Node. */
import type { R2Bucket } from "@cloudflare/workers-types";

export interface LocalState {
  readonly persistTo: string;
  readonly configPath: string;
}

export interface ChannelPointer {
  readonly schema: 1;
  readonly adapter: string;
  readonly version: string;
  readonly serial: number;
  readonly share: number;
  readonly updatedAt: string;
}

export function openBucket(
  state: LocalState,
): Promise<{ bucket: R2Bucket; dispose: () => Promise<void> }>;

export function putFile(bucket: R2Bucket, key: string, bytes: Uint8Array): Promise<void>;

export function putPointer(
  bucket: R2Bucket,
  target: { adapter: string; version: string; channel: string },
): Promise<ChannelPointer>;

export function readPointer(
  bucket: R2Bucket,
  adapter: string,
  channel: string,
): Promise<ChannelPointer | null>;

export function putBundle(
  bucket: R2Bucket,
  bundleDir: string,
): Promise<{ name: string; version: string }>;

export function seedAdapter(
  options: LocalState & { bundleDir: string; channel: string },
): Promise<{ name: string; version: string; serial: number; put: boolean }>;
