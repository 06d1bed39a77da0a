/** The S3 front answers as S3 does, over real local R2. That boto3 understands it is tested end to end (loop.test.ts). */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { R2Bucket } from "@cloudflare/workers-types";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openBucket } from "../../scripts/lib/seed.mjs";
import { type S3Front, startS3Front } from "./front.ts";

const authorization = `AWS4-HMAC-SHA256 Credential=a/b, Signature=${"0".repeat(64)}`;
const configPath = join(import.meta.dirname, "..", "..", "wrangler.toml");
let folder: string;
let bucket: R2Bucket;
let dispose: () => Promise<void>;
let front: S3Front;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "medadapter-s3-"));
  ({ bucket, dispose } = await openBucket({ persistTo: folder, configPath }));
  front = await startS3Front({ bucket, name: "adapters", port: 0 });
});

afterAll(async () => {
  await front.close();
  await dispose();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  const { objects } = await bucket.list();
  await bucket.delete(objects.map(({ key }) => key));
});

async function call(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
) {
  const response = await fetch(`${front.url}/${path}`, {
    method,
    headers: { authorization, ...headers },
    ...(body !== undefined && { body }),
  });
  const text = await response.text();
  const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1];
  return { status: response.status, headers: response.headers, text, code };
}

const put = (key: string, body: string, headers?: Record<string, string>) =>
  call("PUT", `adapters/${key}`, headers, body);
const hash = (algorithm: string, text: string) =>
  createHash(algorithm).update(text).digest("base64");

describe("an object", () => {
  it("that is put is in the Worker's bucket and comes back with what is known of it", async () => {
    const checksum = hash("sha256", "one & <two>");
    const stored = await put("a/b.json", "one & <two>", {
      "content-type": "application/json",
      "content-md5": hash("md5", "one & <two>"),
      "x-amz-checksum-sha256": checksum,
      "x-amz-meta-note": "mine",
    });
    expect(stored.status).toBe(200);
    expect(await (await bucket.get("a/b.json"))?.text()).toBe("one & <two>");
    for (const method of ["GET", "HEAD"]) {
      const found = await call(method, "adapters/a/b.json");
      expect(found.status).toBe(200);
      expect(found.text).toBe(method === "GET" ? "one & <two>" : "");
      expect(Object.fromEntries(found.headers)).toMatchObject({
        etag: stored.headers.get("etag"),
        "content-length": "11",
        "content-type": "application/json",
        "x-amz-checksum-sha256": checksum,
        "x-amz-meta-note": "mine",
      });
    }
    const etag = stored.headers.get("etag") ?? "";
    expect(await call("GET", "adapters/a/b.json", { "if-none-match": etag })).toMatchObject({
      status: 304,
    });
    expect(await call("DELETE", "adapters/a/b.json")).toMatchObject({ status: 204 });
    expect(await call("GET", "adapters/a/b.json")).toMatchObject({
      status: 404,
      code: "NoSuchKey",
    });
    expect(await call("HEAD", "adapters/a/b.json")).toMatchObject({ status: 404, text: "" });
  });

  it("is made only where there is none, by If-None-Match: *", async () => {
    expect(await put("k", "one", { "if-none-match": "*" })).toMatchObject({ status: 200 });
    const second = await put("k", "two", { "if-none-match": "*" });
    expect(second).toMatchObject({ status: 412, code: "PreconditionFailed" });
    expect(await (await bucket.get("k"))?.text()).toBe("one");
  });

  it("is replaced only where it is the one that was read, by If-Match; one of two wins", async () => {
    const etag = (await put("k", "one")).headers.get("etag") ?? "";
    const both = await Promise.all(["two", "three"].map((b) => put("k", b, { "if-match": etag })));
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
    const won = both[0]?.status === 200 ? "two" : "three";
    expect(await (await bucket.get("k"))?.text()).toBe(won);
    expect(await put("none", "x", { "if-match": etag })).toMatchObject({ status: 404 });
    expect(await bucket.head("none")).toBeNull();
  });

  it.each<[string, Record<string, string>, string]>([
    ["MD5", { "content-md5": hash("md5", "other") }, "BadDigest"],
    ["SHA-256", { "x-amz-checksum-sha256": hash("sha256", "other") }, "BadDigest"],
    ["SHA-256 that is none", { "x-amz-checksum-sha256": "AAAA" }, "InvalidRequest"],
    ["signed hash", { "x-amz-content-sha256": "0".repeat(64) }, "XAmzContentSHA256Mismatch"],
  ])("with another %s is refused", async (_, headers, code) => {
    expect(await put("k", "one", headers)).toMatchObject({ status: 400, code });
    expect(await bucket.head("k")).toBeNull();
  });

  it("whose sender dies in the middle is not there", async () => {
    const { port } = new URL(front.url);
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), "127.0.0.1", () => {
        const head = ["PUT /adapters/k HTTP/1.1", "host: x", `authorization: ${authorization}`];
        socket.write(`${head.join("\r\n")}\r\ncontent-length: 1000\r\n\r\n${"x".repeat(500)}`);
        setTimeout(() => socket.destroy(), 100);
      });
      socket.once("close", () => resolve());
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await bucket.head("k")).toBeNull();
    expect(await call("HEAD", "adapters")).toMatchObject({ status: 200 });
  });
});

describe("a listing", () => {
  it("has prefix, pages, encoded keys and folders", async () => {
    for (const key of ["a/1", "a/2", "a/b/3 & ü", "c"]) await bucket.put(key, key);
    const keys = (text: string) => [...text.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key);
    const query = "adapters?list-type=2&encoding-type=url&prefix=a/&max-keys=2";
    const first = await call("GET", query);
    expect(keys(first.text)).toEqual(["a/1", "a/2"]);
    expect(first.text).toContain("<IsTruncated>true</IsTruncated>");
    const token = /<NextContinuationToken>(.*?)</.exec(first.text)?.[1] ?? "";
    const next = await call("GET", `${query}&continuation-token=${encodeURIComponent(token)}`);
    expect(keys(next.text)).toEqual(["a/b/3%20%26%20%C3%BC"]);
    expect(next.text).toContain("<IsTruncated>false</IsTruncated>");
    const folders = await call("GET", "adapters?list-type=2&prefix=a/&delimiter=/");
    expect(keys(folders.text)).toEqual(["a/1", "a/2"]);
    expect(folders.text).toContain("<CommonPrefixes><Prefix>a/b/</Prefix></CommonPrefixes>");
  });
});

describe("refused", () => {
  it("without a signature, in another bucket, and what it does not know", async () => {
    expect(await call("GET", "adapters/k", { authorization: "" })).toMatchObject({
      status: 403,
      code: "AccessDenied",
    });
    expect(await call("GET", "other/k")).toMatchObject({ status: 404, code: "NoSuchBucket" });
    for (const [method, path] of [
      ["POST", "adapters/k?uploads"],
      ["PUT", "adapters/k?acl"],
      ["GET", "adapters"],
      ["DELETE", "adapters"],
    ] as const) {
      expect(await call(method, path)).toMatchObject({ status: 501, code: "NotImplemented" });
    }
    const chunked = { "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER" };
    expect(await put("k", "x", chunked)).toMatchObject({ status: 501 });
    expect(await bucket.head("k")).toBeNull();
  });
});
