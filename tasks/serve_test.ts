import assert from "node:assert/strict";
import { join } from "node:path";
import { writeTinyChatModel } from "slolab/checkpoint/testing/tiny_chat_model.ts";
import { inTemp, ROOT } from "slolab/std/test_support.ts";

/** Starts the task; lines of its stdout come one at a time. */
function serve(dir: string, ...args: string[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "serve", "--model", join(dir, "tiny"), ...args],
    cwd: ROOT,
    env: { XDG_CACHE_HOME: join(dir, "cache"), HF_HUB_OFFLINE: "1", NO_COLOR: "1", SLOLAB_API_KEY: "secret" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const stderr = new Response(child.stderr).text();
  return { child, stderr, nextLine: async () => (await lines.read()).value ?? "" };
}

Deno.test({
  name: "serve answers for two variants under the permissions of deno.json, and SIGTERM drains it",
  ignore: Deno.build.os === "windows", // has no SIGTERM
  fn: () =>
    inTemp(async (dir) => {
      await writeTinyChatModel(join(dir, "tiny"));
      const { child, stderr, nextLine } = serve(dir, "--variants", "med,cheap", "--port", "0");
      const started = await nextLine();
      const url = /^Serving tiny\/med, tiny\/cheap at (http:\/\/127\.0\.0\.1:\d+\/v1)\n$/.exec(started)?.[1];
      assert.ok(url, started + (started === "" ? await stderr : ""));

      const taken = serve(dir, "--port", new URL(url).port);
      assert.equal((await taken.child.status).code, 2);
      assert.match(
        await taken.stderr,
        /^serve: Cannot listen on 127\.0\.0\.1:\d+ as the address must be free/m,
      );
      await taken.nextLine();

      const headers = { authorization: "Bearer secret" };
      const unknown = await fetch(`${url}/models`);
      assert.equal(unknown.status, 401);
      await unknown.body?.cancel();
      const answer = await fetch(`${url}/chat/completions`, {
        method: "POST",
        headers,
        body: JSON.stringify({
          model: "tiny/cheap",
          messages: [{ role: "user", content: "Hello" }],
          max_tokens: 1500,
          ignore_eos: true,
          stream: true,
        }),
      });
      assert.equal(answer.status, 200);
      child.kill("SIGTERM");
      assert.match(await nextLine(), /^Ending the requests in hand/);
      const text = await answer.text();
      assert.ok(text.endsWith("data: [DONE]\n\n"));
      assert.equal(text.split('"content":').length - 1, 1 + 1500);
      assert.equal((await child.status).code, 0, await stderr);
      assert.doesNotMatch(await stderr, /Requires \w+ access|legacy/);
      await nextLine();
    }),
});
