/**
 * The S3 operations that publishing uses, each one call of an R2 binding. Conditions and checksums are R2's own to
 * check, atomically with the write.
 */
import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { R2Bucket, R2PutOptions } from "@cloudflare/workers-types";
import { type Answer, errorAnswer, listAnswer, objectHeaders } from "./xml.ts";

const noSuchKey = errorAnswer(404, "NoSuchKey", "The specified key does not exist.");
const notAsWished = errorAnswer(412, "PreconditionFailed", "A condition did not hold.");

/** GetObject, with If-None-Match. */
export async function getObject(
  bucket: R2Bucket,
  key: string,
  headers: IncomingHttpHeaders,
): Promise<Answer> {
  const found = await bucket.get(key);
  if (found === null) return noSuchKey;
  // First of all: through the platform proxy a mere look at `body` uses it up.
  const body = new Uint8Array(await found.arrayBuffer());
  if (headers["if-none-match"] === found.httpEtag) {
    return { status: 304, headers: { etag: found.httpEtag } };
  }
  return { status: 200, headers: objectHeaders(found), body };
}

/** HeadObject. */
export async function headObject(bucket: R2Bucket, key: string): Promise<Answer> {
  const found = await bucket.head(key);
  return found === null ? { status: 404 } : { status: 200, headers: objectHeaders(found) };
}

/** PutObject: whole bodies only, If-Match and If-None-Match, Content-MD5 and x-amz-checksum-sha256. */
export async function putObject(
  bucket: R2Bucket,
  key: string,
  headers: IncomingHttpHeaders,
  body: Uint8Array,
): Promise<Answer> {
  const streamed = text(headers["x-amz-content-sha256"]).startsWith("STREAMING-");
  if (streamed || text(headers["content-encoding"]).includes("aws-chunked")) {
    return errorAnswer(
      501,
      "NotImplemented",
      "Chunked signatures and trailers are not implemented.",
    );
  }
  const signed = text(headers["x-amz-content-sha256"]);
  if (/^[0-9a-f]{64}$/.test(signed) && signed !== digest("sha256", body).toString("hex")) {
    return errorAnswer(
      400,
      "XAmzContentSHA256Mismatch",
      "The body is not the one that was signed.",
    );
  }
  const md5 = headers["content-md5"];
  if (md5 !== undefined && md5 !== digest("md5", body).toString("base64")) {
    return errorAnswer(400, "BadDigest", "The Content-MD5 is not that of the body.");
  }
  const sha256 = Buffer.from(text(headers["x-amz-checksum-sha256"]), "base64").toString("hex");
  if (sha256.length !== 64 && headers["x-amz-checksum-sha256"] !== undefined) {
    return errorAnswer(400, "InvalidRequest", "The checksum is not one of SHA-256.");
  }
  const type = headers["content-type"];
  const options: R2PutOptions = {
    ...condition(headers),
    ...(sha256 !== "" && { sha256 }),
    ...(type !== undefined && { httpMetadata: { contentType: type } }),
    customMetadata: ownMetadata(headers),
  };
  try {
    const put = await bucket.put(key, body, options);
    if (put === null) return await refusedPut(bucket, key, headers);
    return { status: 200, headers: { etag: put.httpEtag } };
  } catch (error) {
    // R2's code for a checksum that is not the body's.
    if (!(error instanceof Error && error.message.includes("(10037)"))) throw error;
    return errorAnswer(400, "BadDigest", "The checksum is not that of the body.");
  }
}

/** ListObjectsV2. R2 counts pages by itself: a page may be shorter than asked for. */
export async function listObjects(
  bucket: R2Bucket,
  name: string,
  query: URLSearchParams,
): Promise<Answer> {
  if (query.get("list-type") !== "2") {
    return errorAnswer(501, "NotImplemented", "Of the bucket there is only ListObjectsV2.");
  }
  const optional = (option: string, parameter: string) => {
    const value = query.get(parameter);
    return value === null ? {} : { [option]: value };
  };
  const page = await bucket.list({
    limit: Math.min(1000, Math.max(1, Number(query.get("max-keys") ?? 1000) || 1000)),
    ...optional("prefix", "prefix"),
    ...optional("cursor", "continuation-token"),
    ...optional("startAfter", "start-after"),
    ...optional("delimiter", "delimiter"),
  });
  return listAnswer(name, query, page);
}

/** S3 answers a condition on an object that is not there with 404. */
async function refusedPut(
  bucket: R2Bucket,
  key: string,
  headers: IncomingHttpHeaders,
): Promise<Answer> {
  const absent = headers["if-match"] !== undefined && (await bucket.head(key)) === null;
  return absent ? noSuchKey : notAsWished;
}

/** `*` is R2's own word for any entity tag. */
function condition(headers: IncomingHttpHeaders): Pick<R2PutOptions, "onlyIf"> {
  const bare = (tag: string) => tag.replace(/^"|"$/g, "");
  const { "if-match": same, "if-none-match": other } = headers;
  if (same === undefined && other === undefined) return {};
  return {
    onlyIf: {
      ...(same !== undefined && { etagMatches: bare(same) }),
      ...(other !== undefined && { etagDoesNotMatch: bare(other) }),
    },
  };
}

function ownMetadata(headers: IncomingHttpHeaders): Record<string, string> {
  const prefix = "x-amz-meta-";
  const own = Object.entries(headers).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), text(value)]));
}

function text(value: string | string[] | undefined): string {
  return typeof value === "string" ? value : (value?.join(",") ?? "");
}

function digest(algorithm: "md5" | "sha256", body: Uint8Array): Buffer {
  return createHash(algorithm).update(body).digest();
}
