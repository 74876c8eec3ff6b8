/**
 * What makes a report's page interactive, inside the page: Vega with the charts' specs, and tables that sort.
 * Without it the page shows the same charts as pictures.
 */
import { fileURLToPath } from "node:url";
import vegaPackage from "vega/package.json" with { type: "json" };
import tooltipPackage from "vega-tooltip/package.json" with { type: "json" };
import type { Chart } from "./charts/chart.ts";
import { compileChart } from "./svg.ts";

/** Runs in the browser, with the specs by chart id. */
function enliven(specs: Record<string, unknown>): void {
  // deno-lint-ignore no-explicit-any
  const page = globalThis as any, { document, vega, vegaTooltip } = page;
  for (const [id, spec] of Object.entries(specs)) {
    const figure = document.getElementById(id), live = document.createElement("div");
    live.className = "live";
    figure.append(live);
    const view = new vega.View(vega.parse(spec), { renderer: "svg", container: live, hover: true });
    view.tooltip(new vegaTooltip.Handler({ theme: "custom" }).call);
    view.runAsync().then(() => figure.classList.add("enlivened"));
  }
  // deno-lint-ignore no-explicit-any
  type Element = any;
  const numberOf = (cell: Element) => Number.parseFloat(cell.textContent.replaceAll(",", ""));
  for (const head of document.querySelectorAll("thead th") as Iterable<Element>) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const body = head.closest("table").tBodies[0], column = head.cellIndex;
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = ([...body.rows] as Element[]).sort((a, b) => {
        const [x, y] = [a.cells[column], b.cells[column]], [m, n] = [numberOf(x), numberOf(y)];
        // What is no number comes last, whichever way.
        if (Number.isNaN(m) !== Number.isNaN(n)) return Number.isNaN(m) ? 1 : -1;
        return (up ? 1 : -1) * (Number.isNaN(m) ? x.textContent.localeCompare(y.textContent) : m - n);
      });
      body.append(...rows);
    });
  }
}

/**
 * The scripts of a page that holds a `<figure>` for each chart, with the chart's id and its picture.
 * @throws {Error} where a spec does not compile.
 */
export async function pageScript(charts: readonly Chart[]): Promise<string> {
  const specs: Record<string, unknown> = {};
  for (const chart of charts) {
    specs[chart.id] = { ...await compileChart(chart, "currentColor"), description: chart.alt };
  }
  const library = async (name: string, { version, license }: { version: string; license: string }) => {
    const path = fileURLToPath(import.meta.resolve(`${name}/build/${name}.min.js`));
    const code = await Deno.readTextFile(path);
    return `/* ${name} ${version}, ${license} */\n${code.replace(/\n\/\/# sourceMappingURL=.*\n?$/, "")}`;
  };
  const scripts = [
    ...charts.length
      ? [await library("vega", vegaPackage), await library("vega-tooltip", tooltipPackage)]
      : [],
    `(${enliven})(${JSON.stringify(specs).replaceAll("<", "\\u003c")});`,
  ];
  return scripts.map((code) => `<script>${code.replaceAll("</script", "<\\/script")}</script>`).join("\n");
}
