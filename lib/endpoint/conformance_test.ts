import { withToyServer } from "../serve/testing/toy_server.ts";
import { testTargetConformance } from "../types/testing/target_conformance.ts";
import { EndpointTarget } from "./endpoint_target.ts";

for (const api of ["chat", "completions"] as const) {
  testTargetConformance(
    `EndpointTarget (${api})`,
    (spec, run) =>
      withToyServer({ ...spec, apiKey: "secret", maxQueue: 8 }, async ({ url }) => {
        await using target = await EndpointTarget.connect({ baseUrl: `${url}/v1`, api, apiKey: "secret" });
        await run(target);
      }),
  );
}
