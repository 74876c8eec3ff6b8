/** A body of server-sent events that are written as they come; those that meet a slow reader go out together. */

const encoder = new TextEncoder();

export class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  /** Events that the reader was not ready for. */
  #held = "";
  #open = true;

  /** @param onCancel called when the reader goes away before the end */
  constructor(onCancel: () => void) {
    this.body = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#write(""),
      cancel: () => {
        this.#open = false;
        onCancel();
      },
    });
  }

  /** Adds events, each ended by an empty line; none are taken after the end. */
  push(events: string): void {
    if (!this.#open) return;
    if (this.#controller.desiredSize! > 0) this.#write(events);
    else this.#held += events;
  }

  end(): void {
    if (!this.#open) return;
    this.#write("");
    this.#open = false;
    this.#controller.close();
  }

  #write(events: string): void {
    const text = this.#held + events;
    this.#held = "";
    if (text !== "") this.#controller.enqueue(encoder.encode(text));
  }
}
