import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FOLDER } from '../../release/observability/files.ts'
import type { Step } from '../demo/scenario.ts'
import { promtoolProgram } from '../programs/prometheus.ts'
import { scrapeConfiguration } from './bed.ts'
import { BOARDS_PROGRAM, COLLECTOR_PROGRAM, type TelemetryPart } from './programs.ts'
import { said, type Said } from './said.ts'

/** Folders of the programs. */
type Folders = Readonly<Record<TelemetryPart, string>>

/** The files of deploy/observability/ as the programs that read them see them; no mesh is needed. */
export const fileSteps: readonly Step<Folders>[] = [
  {
    name: 'boards and Grafana',
    expected: "no field and no value that Grafana's own types lack",
    run: (folders) => {
      const boards = join(FOLDER, 'boards')
      const files = readdirSync(boards)
      return outcome(
        said([join(folders['grafana-types'], BOARDS_PROGRAM), ...files], boards),
        `${files.length} boards`,
      )
    },
  },
  {
    name: 'promtool check rules',
    expected: 'no error',
    run: ({ prometheus }) =>
      outcome(said([promtoolProgram(prometheus), 'check', 'rules', 'rules.yaml'], FOLDER)),
  },
  {
    name: 'promtool test rules',
    expected: 'each alert comes when it should, and not before',
    run: ({ prometheus }) =>
      outcome(said([promtoolProgram(prometheus), 'test', 'rules', 'rules-test.yaml'], import.meta.dirname)),
  },
  {
    name: 'promtool check config',
    expected: 'no error, with a discovery by files for that of Kubernetes, which this Prometheus lacks',
    run: async ({ prometheus }) => {
      const folder = mkdtempSync(join(tmpdir(), 'weft-scrape-'))
      try {
        writeFileSync(
          join(folder, 'prometheus.yaml'),
          scrapeConfiguration().replace('- rules.yaml', `- ${join(FOLDER, 'rules.yaml')}`),
        )
        return await outcome(
          said([promtoolProgram(prometheus), 'check', 'config', 'prometheus.yaml'], folder),
        )
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
  },
  {
    name: 'otelcol validate',
    expected: 'no error in collector.yaml',
    run: ({ collector }) =>
      outcome(said([join(collector, COLLECTOR_PROGRAM), 'validate', '--config=collector.yaml'], FOLDER)),
  },
]

async function outcome(running: Promise<Said>, fine?: string) {
  const { ok, text } = await running
  return { ok, observed: ok ? (fine ?? (text.split('\n').at(-1) || 'no error')) : text }
}
