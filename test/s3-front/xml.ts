/** What the S3 front answers: XML bodies of errors and listings, and an object's headers. */
import type { R2Object, R2Objects } from "@cloudflare/workers-types";

/** An answer of the front, before it goes out. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

const declaration = '<?xml version="1.0" encoding="UTF-8"?>';
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

/** An error by its S3 code. */
export function errorAnswer(status: number, code: string, message: string): Answer {
  return xmlAnswer(status, `<Error>${element("Code", code)}${element("Message", message)}</Error>`);
}

function xmlAnswer(status: number, xml: string): Answer {
  const headers = { "content-type": "application/xml" };
  return { status, headers, body: declaration + xml };
}

/** Headers of GET and HEAD: entity tag, size, date, type, checksum and the client's own metadata. */
export function objectHeaders(object: R2Object): Record<string, string> {
  const { sha256 } = object.checksums;
  const own = Object.entries(object.customMetadata ?? {});
  return {
    etag: object.httpEtag,
    "content-length": String(object.size),
    "last-modified": object.uploaded.toUTCString(),
    "content-type": object.httpMetadata?.contentType ?? "application/octet-stream",
    ...(sha256 && { "x-amz-checksum-sha256": Buffer.from(sha256).toString("base64") }),
    ...Object.fromEntries(own.map(([name, value]) => [`x-amz-meta-${name}`, value])),
  };
}

/** A page of ListObjectsV2; keys are percent-encoded where the client asked for `encoding-type=url`. */
export function listAnswer(bucket: string, query: URLSearchParams, page: R2Objects): Answer {
  const url = query.get("encoding-type") === "url";
  const spell = (key: string) => (url ? encodeURIComponent(key).replaceAll("%2F", "/") : key);
  const contents = page.objects.map((object) =>
    [
      "<Contents>",
      element("Key", spell(object.key)),
      element("LastModified", object.uploaded.toISOString()),
      element("ETag", object.httpEtag),
      element("Size", String(object.size)),
      element("StorageClass", "STANDARD"),
      "</Contents>",
    ].join(""),
  );
  const folders = page.delimitedPrefixes.map(
    (prefix) => `<CommonPrefixes>${element("Prefix", spell(prefix))}</CommonPrefixes>`,
  );
  const fields = [
    element("Name", bucket),
    element("Prefix", spell(query.get("prefix") ?? "")),
    element("KeyCount", String(contents.length + folders.length)),
    element("MaxKeys", query.get("max-keys") ?? "1000"),
    element("IsTruncated", String(page.truncated)),
    url ? element("EncodingType", "url") : "",
    page.truncated ? element("NextContinuationToken", page.cursor) : "",
  ];
  const inner = [...fields, ...contents, ...folders].join("");
  return xmlAnswer(200, `<ListBucketResult xmlns="${namespace}">${inner}</ListBucketResult>`);
}

function element(name: string, text: string): string {
  const safe = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return `<${name}>${safe.replaceAll('"', "&quot;")}</${name}>`;
}
