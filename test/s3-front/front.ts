/**
 * FOR TESTS ONLY: the S3 API, as far as publishing needs it, in front of the Worker's own local R2. So boto3 writes what
 * `wrangler dev` then reads. Path-style addresses of one bucket, on 127.0.0.1 alone. A request must be signed (AWS
 * Signature Version 4) but nobody checks by whom: this is no server to let anyone reach.
 */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { R2Bucket } from "@cloudflare/workers-types";
import { getObject, headObject, listObjects, putObject } from "./operations.ts";
import { type Answer, errorAnswer } from "./xml.ts";

export interface S3FrontOptions {
  readonly bucket: R2Bucket;
  /** The bucket's name in addresses. */
  readonly name: string;
  /** 0: any free one. */
  readonly port: number;
  /** Asked before each operation; the operation waits for it. Lets a test stop the world in the middle of an upload. */
  readonly before?: (method: string, key: string) => void | Promise<void>;
}

export interface S3Front {
  readonly url: string;
  close(): Promise<void>;
}

const MOST_BYTES = 256 * 2 ** 20;

/** Starts the front; resolves when it listens. */
export async function startS3Front(options: S3FrontOptions): Promise<S3Front> {
  const server = createServer((request, response) => {
    answerTo(request, options)
      .catch((): Answer => errorAnswer(500, "InternalError", "The front failed."))
      .then(({ status, headers, body }) => {
        response.writeHead(status, headers);
        response.end(body);
      });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}`, close };
}

async function answerTo(request: IncomingMessage, options: S3FrontOptions): Promise<Answer> {
  const { headers, method = "" } = request;
  const url = new URL(request.url ?? "/", "http://front");
  // Before anything else, and whole: a client that dies in the middle has put nothing.
  const body = await bodyOf(request);
  if (!/^AWS4-HMAC-SHA256 Credential=.+Signature=[0-9a-f]{64}$/.test(headers.authorization ?? "")) {
    return errorAnswer(403, "AccessDenied", "The request is not signed.");
  }
  const [, name = "", ...parts] = url.pathname.split("/").map(decodeURIComponent);
  const key = parts.join("/");
  if (name !== options.name) {
    return errorAnswer(404, "NoSuchBucket", "The specified bucket does not exist.");
  }
  if (body === null) return errorAnswer(400, "EntityTooLarge", "The object is too large.");
  const { bucket } = options;
  await options.before?.(method, key);
  if (key === "") {
    if (method === "GET") return listObjects(bucket, name, url.searchParams);
    if (method === "HEAD") return { status: 200 };
  } else if (method === "GET") {
    return getObject(bucket, key, headers);
  } else if (method === "HEAD") {
    return headObject(bucket, key);
  } else if (method === "PUT" && headers["x-amz-copy-source"] === undefined && url.search === "") {
    return putObject(bucket, key, headers, body);
  } else if (method === "DELETE" && url.search === "") {
    await bucket.delete(key);
    return { status: 204 };
  }
  return errorAnswer(501, "NotImplemented", "The front does not know this operation.");
}

/** The whole body, or null where it is too long. Rejects where the client went away. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= MOST_BYTES) chunks.push(chunk);
  }
  return length > MOST_BYTES ? null : Buffer.concat(chunks);
}
