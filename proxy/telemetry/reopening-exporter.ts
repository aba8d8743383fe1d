import { ExportDelayed, ExportRefused, type Exporter } from './exporter.ts'

/**
 * An exporter that is made when first needed and anew after a failure: the receiver's roots, or its address, may have
 * changed since.
 */
export function reopeningExporter(open: () => Promise<Exporter>): Exporter {
  let opened: Promise<Exporter> | undefined
  let closed = false

  const use = async (send: (exporter: Exporter) => Promise<void>): Promise<void> => {
    if (closed) throw new Error('the exporter is closed')
    const mine = (opened ??= open())
    try {
      await send(await mine)
    } catch (error) {
      if (!(error instanceof ExportRefused || error instanceof ExportDelayed)) await drop(mine)
      throw error
    }
  }
  const drop = async (failed: Promise<Exporter>): Promise<void> => {
    if (opened === failed) opened = undefined
    await failed.then(
      (exporter) => exporter.close(),
      () => {},
    )
  }
  return {
    traces: (request) => use((exporter) => exporter.traces(request)),
    metrics: (request) => use((exporter) => exporter.metrics(request)),
    logs: (request) => use(async (exporter) => exporter.logs?.(request)),
    close() {
      closed = true
      if (opened) void drop(opened)
    },
  }
}
