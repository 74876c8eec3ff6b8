"""Executes a notebook and renders it: `execute.py NOTEBOOK OUT_IPYNB OUT_HTML CELL_TIMEOUT_S`.

Prints a JSON line for each cell that ends, and one at the end: {"ok": ..., "error": ..., "seconds": ...}.
What was executed so far is written whatever happens. Exits 0 where it could say so, be it a failure.

Deno's kernel can say `idle` before its last outputs: the client goes on draining. It also says nothing of a
rejection or an exception that no cell awaits: PRELUDE makes outputs of type error out of them.
"""

import asyncio
import json
import os
import signal
import sys
import time
from queue import Empty

import nbformat
from jinja2 import DictLoader
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete, CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.util import ensure_async, run_sync
from nbconvert import HTMLExporter

DRAIN_S = 0.1
"""How long the kernel must be silent after `idle`."""
LONGEST_DRAIN_S = 10
"""For a cell that leaves a timer which prints for ever."""

PRELUDE = r"""
{
  const fail = (name, thrown) => Deno.jupyter.broadcast("error", {
    ename: name,
    evalue: thrown?.message ?? String(thrown),
    traceback: [`${name}: ${thrown?.stack ?? thrown}`],
  });
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    fail("Unhandled rejection", event.reason);
  });
  addEventListener("error", (event) => {
    event.preventDefault();
    fail("Uncaught exception", event.error ?? event.message);
  });
  const lost = (what) => () => {
    throw new TypeError(`Cannot use ${what} in a notebook as what it does must be seen: the kernel loses it`);
  };
  Deno.test = lost("Deno.test");
  globalThis.prompt = lost("prompt");
  globalThis.confirm = lost("confirm");
}
"""

TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
{%- endblock html_head_js -%}
{%- block html_head_js_mathjax -%}{%- endblock html_head_js_mathjax -%}
{%- block html_head_js_mermaidjs -%}{%- endblock html_head_js_mermaidjs -%}
{%- block data_svg scoped -%}
<div class="jp-RenderedSVG jp-OutputArea-output" data-mime-type="image/svg+xml">
{{ output.data['image/svg+xml'] }}
</div>
{%- endblock data_svg -%}
{%- block jupyter_widgets -%}{%- endblock jupyter_widgets -%}
"""
"""The lab template with SVGs inline and without its scripts, which come from the network: the page loads nothing."""


class Client(NotebookClient):
    """Keeps what comes after `idle`, and gives it to the cell that it belongs to."""

    executed: dict[str, tuple[dict, int]]

    async def _async_poll_output_msg(self, parent_msg_id, cell, cell_index):
        self.executed[parent_msg_id] = (cell, cell_index)
        await self.take(until_idle=parent_msg_id)
        await self.drain()

    async def take(self, until_idle):
        while True:
            if self.accept(await ensure_async(self.kc.iopub_channel.get_msg(timeout=None))) == until_idle:
                return

    async def drain(self):
        ends_at = time.monotonic() + LONGEST_DRAIN_S
        while time.monotonic() < ends_at:
            try:
                self.accept(await ensure_async(self.kc.iopub_channel.get_msg(timeout=DRAIN_S)))
            except Empty:
                return

    def accept(self, message):
        """Gives a message to its cell; returns the request that the kernel is idle after."""
        parent = message["parent_header"].get("msg_id")
        if parent in self.executed:
            try:
                self.process_message(message, *self.executed[parent])
            except CellExecutionComplete:
                return parent
        elif message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return parent
        return None

    async def async_prepare(self):
        self.executed = {}
        await self.take(until_idle=self.kc.execute(PRELUDE, silent=True, store_history=False))
        await self.drain()

    prepare = run_sync(async_prepare)
    drain_now = run_sync(drain)


def error_of(nb):
    """The first output of type error, with its cell's number."""
    for number, cell in enumerate((c for c in nb.cells if c.cell_type == "code"), 1):
        for output in cell.outputs:
            if output.output_type == "error":
                return f"code cell {number}: {output.ename}: {output.evalue}"
    return None


def execute(nb, folder, timeout_s, report):
    """Executes the cells in order, up to the first that fails; returns what went wrong, or None."""
    client = Client(
        nb,
        kernel_name="deno",
        allow_errors=True,  # an error is an output, and looked for there
        timeout=timeout_s,
        iopub_timeout=LONGEST_DRAIN_S + 60,
        raise_on_iopub_timeout=True,
        resources={"metadata": {"path": folder}},
    )
    cells = [(i, c) for i, c in enumerate(nb.cells) if c.cell_type == "code" and c.source.strip()]
    with client.setup_kernel():
        client.prepare()
        for number, (index, cell) in enumerate(cells, 1):
            started_at = time.monotonic()
            try:
                client.execute_cell(cell, index, execution_count=number)
                if number == len(cells):
                    client.drain_now()
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as thrown:
                reason = (
                    f"took longer than {timeout_s} s"
                    if isinstance(thrown, CellTimeoutError)
                    else str(thrown).strip().split("\n")[-1]
                )
                return f"code cell {number}: {reason}"
            report({"cell": number, "of": len(cells), "seconds": time.monotonic() - started_at})
            if error := error_of(nb):
                return error
    return None


def main(source, out_ipynb, out_html, timeout_s):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the kernel ends with this process
    # The kernel prints to the same stdout: it gets stderr instead.
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def report(record):
        print(json.dumps(record), file=lines, flush=True)

    started_at = time.monotonic()
    nb = nbformat.read(source, as_version=4)
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    error = "it was interrupted"
    try:
        error = execute(nb, os.path.dirname(os.path.abspath(source)), float(timeout_s) or None, report)
    except Exception as thrown:
        error = f"{type(thrown).__name__}: {thrown}"
    finally:
        nbformat.write(nb, out_ipynb)
        exporter = HTMLExporter(
            extra_loaders=[DictLoader({"slolab.html.j2": TEMPLATE})],
            template_file="slolab.html.j2",
            theme="light",
            exclude_input_prompt=True,
            exclude_output_prompt=True,
        )
        name = os.path.splitext(os.path.basename(source))[0]
        html, _ = exporter.from_notebook_node(nb, resources={"metadata": {"name": name}})
        with open(out_html, "w", encoding="utf-8") as file:
            file.write(html)
        report({"ok": error is None, "error": error, "seconds": time.monotonic() - started_at})


if __name__ == "__main__":
    main(*sys.argv[1:])
