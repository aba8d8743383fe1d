import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WeftError } from '../../core/errors.ts'
import { CASES, IDLE, WITH_POLICIES, WITH_TELEMETRY } from '../cases.ts'
import { SIDECAR } from '../sidecar/measure.ts'
import type { Row } from '../result.ts'
import { markdownTable } from './table.ts'

const BEGIN = '<!-- Written by `npm run bench -- --document docs/performance.md`: -->'
const END = '<!-- until here. -->'

/** Puts the result between the marks of a Markdown file. Throws WeftError `bench.document`. */
export function writeDocument(path: string, machine: string, rows: readonly Row[]): void {
  writeBetween(path, BEGIN, resultText(machine, rows))
}

/** Puts a text between `begin`, a comment of the file, and the next `<!-- until here. -->`. */
export function writeBetween(path: string, begin: string, result: string): void {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new WeftError('bench.document', 'cannot be read', { field: path, cause: error })
  }
  const from = text.indexOf(begin)
  const to = text.indexOf(END, from)
  if (from < 0 || to < from)
    throw new WeftError('bench.document', `needs the marks ${begin} and ${END}`, { field: path })
  writeFileSync(path, `${text.slice(0, from + begin.length)}\n\n${result}\n\n${text.slice(to)}`)
  // As `npm run check` wants the tables.
  spawnSync(join(import.meta.dirname, '../../node_modules/.bin/oxfmt'), [path])
}

const OTHERS: Readonly<Record<string, string>> = {
  [IDLE]: 'a pair with nothing to do, and with 1,000 idle connections',
  [SIDECAR]: 'a sidecar of its own beside a control plane: from exec to ready, and then with nothing to do',
}

function resultText(machine: string, rows: readonly Row[]): string {
  const names = [...new Set(rows.map((row) => row.case))]
  const titles = new Map([...CASES, WITH_POLICIES, WITH_TELEMETRY].map(({ name, title }) => [name, title]))
  const sections = names.map((name) => {
    const title = titles.get(name) ?? OTHERS[name] ?? name
    return `### ${name}\n\n${title}\n\n${markdownTable(rows.filter((row) => row.case === name))}`
  })
  return [machine, targetsText(rows), ...sections].join('\n\n')
}

/** What was aimed at, beside what was measured. */
function targetsText(rows: readonly Row[]): string {
  const lines = [...cpuLines(rows), ...otherLines(rows)]
  if (lines.length === 0) return ''
  return [
    '| what | conns | beside | at most | measured | reached |',
    '| --- | ---: | --- | ---: | ---: | --- |',
    ...lines,
  ].join('\n')
}

/** Weft's CPU divided by a peer's. */
function cpuLines(rows: readonly Row[]): string[] {
  const lines: string[] = []
  for (const { name, targets } of CASES)
    for (const [connections, byPeer] of Object.entries(targets))
      for (const [peer, target] of Object.entries(byPeer)) {
        const row = find(rows, name, Number(connections), peer)
        if (row?.ratio_to_weft)
          lines.push(line(`CPU, ${name}`, Number(connections), peer, target, 1 / row.ratio_to_weft))
      }
  return lines
}

const MIB = 1024

function otherLines(rows: readonly Row[]): string[] {
  const lines: string[] = []
  const add = (
    what: string,
    connections: number,
    beside: string,
    target: number,
    value: number | null,
  ): void => {
    if (value !== null && Number.isFinite(value)) lines.push(line(what, connections, beside, target, value))
  }
  const of = (
    name: string,
    connections: number,
    peer: string,
    read: (row: Row) => number | null | undefined,
  ) => {
    const row = find(rows, name, connections, peer)
    return (row && read(row)) ?? null
  }
  const ratio = (ours: number | null, theirs: number | null) =>
    ours === null || !theirs ? null : ours / theirs
  const p50 = (peer: string) => of('mtls-pair', 1, peer, (row) => row.p50_us)
  add('p50 latency, mtls-pair', 1, 'nginx', 1.3, ratio(p50('weft'), p50('nginx')))
  add('p50 latency, mtls-pair', 1, 'envoy', 1, ratio(p50('weft'), p50('envoy')))
  for (const [connections, most] of [
    [0, 70],
    [1000, 120],
  ] as const) {
    const rss = (peer: string) => of(IDLE, connections, peer, (row) => row.rss_kib)
    add('RSS, idle pair', connections, 'envoy', 1, ratio(rss('weft'), rss('envoy')))
    add('RSS, idle pair, MiB', connections, '', most, ratio(rss('weft'), MIB))
  }
  const withPolicies = (peer: string, read: (row: Row) => number | null) =>
    of(WITH_POLICIES.name, 64, peer, read)
  const cost = withPolicies('policies', (row) => row.ratio_to_weft)
  add('CPU, with policies', 64, 'weft', 1.03, cost)
  const grown = (row: Row) => row.private_kib
  const [before, after] = [withPolicies('weft', grown), withPolicies('policies', grown)]
  if (before !== null && after !== null)
    add('private memory, with policies, MiB more', 64, 'weft', 2, (after - before) / MIB)
  const sidecar = (read: (row: Row) => number | null | undefined) => of(SIDECAR, 0, 'weft', read)
  add(
    'RSS, idle sidecar, MiB',
    0,
    '',
    70,
    ratio(
      sidecar((row) => row.rss_kib),
      MIB,
    ),
  )
  add(
    'exec to ready with a certificate, ms',
    0,
    '',
    400,
    sidecar((row) => row.ready_ms),
  )
  add(
    'idle sidecar, % of a core',
    0,
    '',
    0.2,
    sidecar((row) => row.idle_cpu_percent),
  )
  return lines
}

function find(rows: readonly Row[], name: string, connections: number, peer: string): Row | undefined {
  return rows.find((row) => row.case === name && row.connections === connections && row.peer === peer)
}

function line(what: string, connections: number, beside: string, target: number, value: number): string {
  const shown = value >= 10 ? value.toFixed(0) : value.toFixed(2)
  // What is shown decides, not the digits behind it.
  return `| ${what} | ${connections} | ${beside} | ${target} | ${shown} | ${Number(shown) <= target ? 'yes' : '**no**'} |`
}
