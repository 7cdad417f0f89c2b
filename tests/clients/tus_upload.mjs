// Uploads a file as a browser would: node tus_upload.mjs ENDPOINT FILE [CHUNK_BYTES]
// Tells the upload's address, then its progress in bytes, line by line; ends with "done", or "failed" and why.
// With HOLD_AT it stands still, once, when more bytes than that are sent: it tells "held", and goes on after a byte of
// standard input.
import { createReadStream, readSync, statSync } from "node:fs";
import { basename } from "node:path";
import { Upload } from "tus-js-client";

const [endpoint, path, chunk] = process.argv.slice(2);
let holdAt = Number(process.env.HOLD_AT ?? Number.POSITIVE_INFINITY);

function progressed(sent) {
  console.log(`sent ${sent}`);
  if (sent > holdAt) {
    holdAt = Number.POSITIVE_INFINITY;
    console.log("held");
    readSync(0, new Uint8Array(1));
  }
}

const upload = new Upload(createReadStream(path), {
  endpoint,
  uploadSize: statSync(path).size,
  chunkSize: chunk ? Number(chunk) : Number.POSITIVE_INFINITY,
  retryDelays: [0, 500, 1000, 2000, 4000, 8000],
  metadata: { filename: basename(path), filetype: "video/mp4" },
  onUploadUrlAvailable: () => console.log(`at ${upload.url}`),
  onProgress: progressed,
  onShouldRetry: (error, attempt) => {
    console.log(`retry ${attempt} ${error.originalResponse?.getStatus() ?? "no answer"}`);
    return true;
  },
  onSuccess: () => console.log("done"),
  onError: (error) => {
    console.log(`failed ${error}`);
    process.exitCode = 1;
  },
});
upload.start();
