/** For tests: a temporary folder that goes away. */
export class TempDir implements AsyncDisposable {
  private constructor(readonly path: string) {}
  static async make(): Promise<TempDir> {
    return new TempDir(await Deno.makeTempDir());
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
