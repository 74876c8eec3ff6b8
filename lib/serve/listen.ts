/** A request handler on a port, until the process is told to stop. */
import { BadInput } from "../std/errors.ts";

export interface ListenOptions {
  hostname: string;
  /** 0 is any free one. */
  port: number;
  onListen: (url: string) => void;
  /** Called when no new connection is taken any more. */
  onDrain: () => void;
}

/**
 * Serves until SIGINT or SIGTERM, then ends the requests that it has; a second signal stops the process at once.
 * @throws {BadInput} where the address cannot be had.
 */
export async function listen(
  handle: (request: Request) => Response | Promise<Response>,
  { hostname, port, onListen, onDrain }: ListenOptions,
): Promise<void> {
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({ hostname, port, onListen() {} }, (request) => handle(request));
  } catch (thrown) {
    if (thrown instanceof Deno.errors.AddrInUse || thrown instanceof Deno.errors.AddrNotAvailable) {
      throw new BadInput(
        `Cannot listen on ${hostname}:${port} as the address must be free and this machine's`,
      );
    }
    throw thrown;
  }
  let isDraining = false;
  const stop = () => {
    if (isDraining) Deno.exit(130);
    isDraining = true;
    onDrain();
    server.shutdown();
  };
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, stop);
  onListen(`http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${server.addr.port}`);
  await server.finished;
  for (const signal of signals) Deno.removeSignalListener(signal, stop);
}
