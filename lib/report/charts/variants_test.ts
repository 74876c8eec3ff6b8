import assert from "node:assert/strict";
import type { VariantReport } from "../../compress/build.ts";
import { renderSvg } from "../svg.ts";
import { VARIANT_COLOURS } from "../theme.ts";
import type { Chart } from "./chart.ts";
import { nextTokenChart, placeOf, sizeChart, weightErrorChart } from "./variants.ts";

/** Draws a chart, and counts its marks of a kind. */
async function draw(chart: Chart) {
  const svg = await renderSvg(chart);
  const marks = (kind: "rect" | "line" | "symbol") =>
    svg.match(new RegExp(`class="mark-${kind} role-mark.*?</g>`, "gs"))?.join("").match(/<path /g)?.length ??
      0;
  return { svg, marks };
}

Deno.test("the variants have their own colours, in every chart of them", async () => {
  const { svg } = await draw(sizeChart([
    { variant: "base", bytes: 200e6, bits: 16 },
    { variant: "cheap", bytes: 60e6, bits: 4.5 },
  ]));
  assert.ok(
    svg.includes(`fill="${VARIANT_COLOURS.base}"`) && svg.includes(`fill="${VARIANT_COLOURS.cheap}"`),
  );
  assert.match(svg, /60.0 MB, 4.50 bits a weight/);
});

Deno.test("placeOf() reads layer and part of a matrix's name", () => {
  assert.deepEqual(placeOf("model.layers.12.self_attn.q_proj.weight"), { layer: 12, part: "q_proj" });
  assert.deepEqual(placeOf("model.layers.3.mlp.down_proj"), { layer: 3, part: "down_proj" });
  assert.deepEqual(placeOf("h.0.attn.c_proj.weight"), { layer: 0, part: "c_proj" });
  assert.deepEqual(placeOf("model.embed_tokens.weight"), { layer: null, part: "model.embed_tokens" });
});

Deno.test("weightErrorChart() draws a point for each matrix of a layer, a panel for each kind", async () => {
  const report = (variant: "med" | "cheap", error: number) => ({
    variant,
    relative_error: error,
    matrices: ["up", "down"].flatMap((part) =>
      [0, 1, 2].map((layer) => ({
        name: `model.layers.${layer}.mlp.${part}.weight`,
        bits: variant === "med" ? 8 : 4,
        relative_error: error * (1 + layer),
      }))
    ),
  } as unknown as VariantReport & { variant: "med" | "cheap" });
  const chart = weightErrorChart([report("med", 0.004), report("cheap", 0.07)]);
  assert.match(chart.alt, /med: 0.400% over all matrices, cheap: 7.000%/);
  const { svg, marks } = await draw(chart);
  assert.match(svg, />up</);
  assert.equal(marks("line"), 2 * 2, "one for each variant and kind");
  assert.equal(marks("symbol"), 2 * 2 * 3, "one for each matrix");
});

Deno.test("nextTokenChart() leaves out what a variant does not tell, and shows spaces", async () => {
  const { svg, marks } = await draw(nextTokenChart([
    { variant: "base", token: " yellow", probability: 0.6 },
    { variant: "cheap", token: " yellow", probability: null },
  ]));
  assert.ok(svg.includes('" yellow"') || svg.includes("&quot; yellow&quot;"));
  assert.equal(marks("rect"), 1);
});
