import { percent } from "../../metrics/mod.ts";
import { PALETTE } from "../theme.ts";
import {
  type Chart,
  completeSpec,
  CONCURRENCY_AXIS,
  limitWords,
  type Measured,
  PANEL_WIDTH,
} from "./chart.ts";

/** Share of requests within every SLO over concurrency. */
export function sloChart(levels: Measured[]): Chart {
  const values = levels.map(({ concurrency, metrics: { summary: s } }) => ({
    concurrency,
    value: s.slo_compliance,
    lower: s.slo_compliance_ci[0],
    upper: s.slo_compliance_ci[1],
    count: s.total_requests,
  }));
  return {
    id: "slo",
    title: "SLO attainment over concurrency",
    alt: `Share of requests within every SLO (${limitWords(levels[0].metrics)}) with Wilson intervals: ` +
      values.map((v) => `${percent(v.value, 1)} at concurrency ${v.concurrency}`).join(", ") + ".",
    spec: completeSpec({
      title: {
        text: "SLO attainment over concurrency",
        subtitle: `Requests within every limit (${
          limitWords(levels[0].metrics)
        }); failures miss; 95% intervals`,
      },
      width: 2 * PANEL_WIDTH + 50,
      height: 150,
      data: { values },
      encoding: {
        x: CONCURRENCY_AXIS,
        y: { type: "quantitative", title: "requests", axis: { format: "%" }, scale: { domain: [0, 1] } },
        tooltip: [
          { field: "concurrency", title: "concurrency" },
          { field: "value", title: "within every SLO", format: ".1%" },
          { field: "lower", title: "from", format: ".1%" },
          { field: "upper", title: "to", format: ".1%" },
          { field: "count", title: "requests" },
        ],
      },
      layer: [
        {
          mark: { type: "rule", strokeWidth: 2, color: PALETTE[0] },
          encoding: { y: { field: "lower", type: "quantitative" }, y2: { field: "upper" } },
        },
        {
          mark: { type: "point", filled: true, size: 55, opacity: 1, color: PALETTE[0] },
          encoding: { y: { field: "value" } },
        },
      ],
    }),
  };
}
