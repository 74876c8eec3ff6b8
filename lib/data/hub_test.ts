import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { BadInput } from "../std/errors.ts";
import { exists, sha256 } from "../std/files.ts";
import { HubClient, type HubOptions, HubUnreachable } from "./hub.ts";
import { HubServer, type HubServerOptions } from "./testing/hub_server.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const FILE = { repoType: "dataset", repo: "o/n", path: "all/a.bin" } as const;
const BODY = new Uint8Array(200_000).map((_, i) => (i * 7) ^ (i >> 8));
const FILES = { "/datasets/o/n/resolve/main/all/a.bin": BODY };

interface Setup {
  server: HubServer;
  client: HubClient;
  cacheDir: string;
  waits: number[];
  newClient: (o?: HubOptions) => HubClient;
}

function hubTest(
  name: string,
  options: Partial<HubServerOptions>,
  run: (s: Setup) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const cacheDir = await Deno.makeTempDir();
    try {
      await using server = new HubServer({ files: FILES, commit: COMMIT, ...options });
      const waits: number[] = [];
      const newClient = (o: HubOptions = {}) =>
        new HubClient({
          endpoint: server.url,
          cacheDir,
          offline: false,
          token: "",
          wait: (ms) => {
            waits.push(ms);
            return Promise.resolve();
          },
          ...o,
        });
      await run({ server, client: newClient(), cacheDir, waits, newClient });
    } finally {
      await Deno.remove(cacheDir, { recursive: true });
    }
  });
}

hubTest("download() fills the cache as huggingface_hub lays it out", {}, async ({ client, cacheDir }) => {
  const steps: [number, number | null][] = [];
  const file = await client.download({ ...FILE, onProgress: (n, total) => steps.push([n, total]) });
  assert.deepEqual({ revision: file.revision, sha256: file.sha256, fromCache: file.fromCache }, {
    revision: COMMIT,
    sha256: sha256(BODY),
    fromCache: false,
  });
  const repo = join(cacheDir, "datasets--o--n");
  assert.equal(file.path, join(repo, "snapshots", COMMIT, "all", "a.bin"));
  assert.equal(await Deno.readTextFile(join(repo, "refs", "main")), COMMIT);
  assert.deepEqual(await Deno.readFile(join(repo, "blobs", sha256(BODY))), BODY);
  if (Deno.build.os !== "windows") {
    const target = await Deno.readLink(file.path);
    assert.equal(resolve(join(file.path, ".."), target), join(repo, "blobs", sha256(BODY)));
    assert.ok(target.startsWith(".."), "the link is relative, so that the cache can be moved");
  }
  assert.deepEqual(steps.at(-1), [BODY.length, BODY.length]);
});

hubTest("download() asks the hub nothing for a cached file", {}, async ({ client, server, newClient }) => {
  const first = await client.download(FILE);
  const asked = server.seen.length;
  for (const revision of [undefined, "main", COMMIT]) {
    assert.deepEqual(await newClient({ offline: true }).download({ ...FILE, revision }), {
      ...first,
      fromCache: true,
    });
  }
  assert.equal(server.seen.length, asked);
});

hubTest("download() goes on by Range where the connection was cut", {
  cutAfter: (get) => get < 2 ? 60_000 : undefined,
}, async ({ client, server, waits }) => {
  const file = await client.download(FILE);
  assert.deepEqual(await Deno.readFile(file.path), BODY);
  const ranges = server.seen.filter((s) => s.method === "GET").map((s) => s.range);
  assert.equal(ranges[0], null);
  assert.equal(ranges.length, 3);
  assert.ok(ranges.slice(1).every((r) => /^bytes=[1-9]\d*-$/.test(r ?? "")), String(ranges));
  assert.deepEqual(waits, [500, 500], "progress starts the backoff anew");
});

hubTest("download() resumes what an earlier process left", {}, async ({ client, server, cacheDir }) => {
  const blobs = join(cacheDir, "datasets--o--n", "blobs");
  await Deno.mkdir(blobs, { recursive: true });
  await Deno.writeFile(join(blobs, `${sha256(BODY)}.incomplete`), BODY.subarray(0, 1000));
  const file = await client.download(FILE);
  assert.deepEqual(server.seen.map((s) => s.range), [null, "bytes=1000-"]);
  assert.deepEqual(await Deno.readFile(file.path), BODY);
});

hubTest("download() begins again where the server knows no Range", {
  range: false,
  cutAfter: (get) => get === 0 ? 60_000 : undefined,
}, async ({ client }) => {
  assert.deepEqual(await Deno.readFile((await client.download(FILE)).path), BODY);
});

hubTest("download() fetches a file anew whose SHA-256 is not the announced one", {}, async (s) => {
  const blobs = join(s.cacheDir, "datasets--o--n", "blobs");
  await Deno.mkdir(blobs, { recursive: true });
  await Deno.writeFile(join(blobs, `${sha256(BODY)}.incomplete`), new Uint8Array(BODY.length));
  assert.deepEqual(await Deno.readFile((await s.client.download(FILE)).path), BODY);
  assert.equal(s.server.count("GET"), 1);
});

hubTest("download() gives up a file that stays damaged", {
  intercept: (request) =>
    request.method === "HEAD"
      ? new Response(null, {
        headers: { etag: `"${"a".repeat(64)}"`, "content-length": String(BODY.length) },
      })
      : undefined,
}, async ({ client, server }) => {
  await assert.rejects(() => client.download(FILE), /SHA-256/);
  assert.equal(server.count("GET"), 5);
});

hubTest("download() works on a mirror that sends no header: named by SHA-256, revision unknown", {
  commit: undefined,
  etag: false,
}, async ({ client, cacheDir, newClient }) => {
  const file = await client.download(FILE);
  assert.equal(file.revision, null);
  assert.equal(file.sha256, sha256(BODY));
  assert.ok(await exists(join(cacheDir, "datasets--o--n", "blobs", sha256(BODY))));
  assert.equal(file.path, join(cacheDir, "datasets--o--n", "snapshots", "main", "all", "a.bin"));
  const again = await newClient({ offline: true }).download(FILE);
  assert.deepEqual(again, { ...file, fromCache: true });
});

hubTest("download() works on a mirror without HEAD", {
  intercept: (r) => r.method === "HEAD" ? new Response(null, { status: 405 }) : undefined,
}, async ({ client }) => {
  assert.equal((await client.download(FILE)).sha256, sha256(BODY));
});

hubTest("download() says that a file is not there", {}, async ({ client, server }) => {
  await assert.rejects(
    () => client.download({ ...FILE, path: "all/b.bin" }),
    (e) => e instanceof Deno.errors.NotFound && /all\/b\.bin of o\/n.*404/.test(e.message),
  );
  assert.equal(server.seen.length, 1, "a 404 is not tried again");
});

for (const status of [401, 403]) {
  hubTest(`download() names HF_TOKEN and the licence page for a ${status}`, {
    intercept: () => new Response(null, { status }),
  }, async ({ client, server }) => {
    await assert.rejects(
      () => client.download(FILE),
      (e) =>
        e instanceof BadInput && e.message.includes("HF_TOKEN") && e.message.includes(String(status)) &&
        e.message.includes(`${server.url}/datasets/o/n `),
    );
    assert.equal(server.seen.length, 1);
  });
}

hubTest("download() waits as long as a 429 asks", {
  intercept: (_, count) =>
    count === 0 ? new Response(null, { status: 429, headers: { "retry-after": "7" } }) : undefined,
}, async ({ client, waits }) => {
  await client.download(FILE);
  assert.deepEqual(waits, [7_000]);
});

hubTest("download() does not wait an hour", {
  intercept: () => new Response(null, { status: 429, headers: { "retry-after": "3600" } }),
}, async ({ client, waits }) => {
  await assert.rejects(
    () => client.download(FILE),
    (e) => e instanceof HubUnreachable && /3600 s/.test(e.message),
  );
  assert.deepEqual(waits, []);
});

hubTest("download() backs off from server errors, then calls the hub unreachable", {
  intercept: () => new Response(null, { status: 503 }),
}, async ({ client, waits }) => {
  await assert.rejects(
    () => client.download(FILE),
    (e) => e instanceof HubUnreachable && /503/.test(e.message),
  );
  assert.deepEqual(waits, [500, 1000, 2000, 4000]);
});

Deno.test("download() follows a redirect to another host without the token", async () => {
  const cacheDir = await Deno.makeTempDir();
  try {
    await using storage = new HubServer({ files: { "/store/x": BODY }, etag: false });
    const location = `${storage.url}/store/x?signature=s`;
    await using hub = new HubServer({
      files: {},
      intercept: () =>
        new Response(null, {
          status: 302,
          headers: {
            location,
            "x-repo-commit": COMMIT,
            "x-linked-etag": `"${sha256(BODY)}"`,
            "x-linked-size": String(BODY.length),
          },
        }),
    });
    const client = new HubClient({ endpoint: hub.url, token: "hf_secret", cacheDir, offline: false });
    const file = await client.download(FILE);
    assert.deepEqual([file.revision, file.sha256], [COMMIT, sha256(BODY)]);
    assert.deepEqual(hub.seen.map((s) => s.authorization), ["Bearer hf_secret", "Bearer hf_secret"]);
    assert.deepEqual(storage.seen.map((s) => [s.method, s.authorization]), [["GET", null]]);
  } finally {
    await Deno.remove(cacheDir, { recursive: true });
  }
});

hubTest("download() fetches a file once for two that ask at the same time", {}, async (s) => {
  const files = await Promise.all([s.client.download(FILE), s.newClient().download(FILE)]);
  assert.deepEqual(files.map((f) => f.fromCache).sort(), [false, true]);
  assert.equal(s.server.count("GET"), 1);
});

for (
  const [what, request] of [
    ["repository", { repo: "../n" }],
    ["repository", { repo: "a/b/c" }],
    ["path", { path: "../../x" }],
    ["revision", { revision: "a b" }],
  ] as const
) {
  hubTest(`download() refuses ${JSON.stringify(request)}`, {}, async ({ client, server }) => {
    await assert.rejects(
      () => client.download({ ...FILE, ...request }),
      (e) => e instanceof BadInput && e.message.includes(what),
    );
    assert.equal(server.seen.length, 0);
  });
}

Deno.test("probe() asks an endpoint once in a process", async () => {
  let asked = 0;
  const options = {
    endpoint: "http://probe.invalid",
    offline: false,
    fetch: () => {
      asked++;
      return Promise.reject(new TypeError("no route"));
    },
  };
  assert.equal(await new HubClient(options).probe(), false);
  assert.equal(await new HubClient(options).probe(), false);
  assert.equal(asked, 1);
  await assert.rejects(
    () => new HubClient({ ...options, cacheDir: "/nonexistent" }).download(FILE),
    (e) => e instanceof HubUnreachable && /probe\.invalid gave no answer in 3 s/.test(e.message),
  );
});

Deno.test("HubClient honours HF_ENDPOINT and HF_HUB_OFFLINE", async () => {
  const names = ["HF_ENDPOINT", "HF_HUB_OFFLINE"];
  const before = names.map((n) => Deno.env.get(n));
  try {
    Deno.env.set("HF_ENDPOINT", "http://mirror.invalid/");
    Deno.env.set("HF_HUB_OFFLINE", "1");
    const client = new HubClient({
      cacheDir: "/nonexistent",
      fetch: () => assert.fail("offline asks nothing"),
    });
    assert.equal(client.endpoint, "http://mirror.invalid");
    await assert.rejects(() => client.download(FILE), /HF_HUB_OFFLINE is set/);
    Deno.env.set("HF_ENDPOINT", "mirror");
    assert.throws(() => new HubClient(), BadInput);
  } finally {
    for (const [i, n] of names.entries()) {
      before[i] === undefined ? Deno.env.delete(n) : Deno.env.set(n, before[i]);
    }
  }
});
