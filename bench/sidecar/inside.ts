// Runs in a network namespace of its own, where a sidecar's ports are free; told by measure.ts. Prints one line of JSON.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { NODE_FLAGS, PROXY_ENV } from '../../cli/bundle.ts'
import { get, sidecarBed } from '../../e2e/sidecar/bed.ts'
import { cpuMicroseconds, memoryOf } from '../../e2e/programs/process-usage.ts'
import type { SidecarFigures } from './measure.ts'

const STARTS = 5
// Past what follows a start.
const SETTLE_MS = 5000
const WATCH_MS = 10_000
const POLL_MS = 2

const [, , program = ''] = process.argv
execFileSync('ip', ['link', 'set', 'lo', 'up'])
const directory = mkdtempSync(join(tmpdir(), 'weft-bench-sidecar-'))
const teardowns: (() => unknown)[] = [() => rmSync(directory, { recursive: true, force: true })]
try {
  const bed = await sidecarBed({
    testdir: () => directory,
    teardown: (task: () => unknown) => void teardowns.push(task),
  })
  bed.pod([8080])
  const { grpcPort } = await bed.controlPlane()
  const readyMs: number[] = []
  let figures: Omit<SidecarFigures, 'readyMs'> | undefined
  for (let i = 0; i < STARTS; i++) {
    const began = performance.now()
    // Without state of an earlier one: key, certificate and configuration are asked for anew.
    const { child, over } = bed.sidecar(grpcPort, {
      state: `state-${i}`,
      program,
      node: NODE_FLAGS,
      env: PROXY_ENV,
    })
    while ((await get(15021, '/ready')).status !== 200) {
      if (child.exitCode !== null) throw new Error(`the sidecar ended with ${child.exitCode}`)
      await delay(POLL_MS)
    }
    readyMs.push(performance.now() - began)
    if (i === STARTS - 1) {
      await delay(SETTLE_MS)
      const pids = [child.pid as number]
      const before = cpuMicroseconds(pids)
      await delay(WATCH_MS)
      const idleCpuPercent = (cpuMicroseconds(pids) - before) / 10 / WATCH_MS
      figures = { idleCpuPercent, ...memoryOf(pids) }
    }
    child.kill('SIGTERM')
    await over
  }
  console.log(JSON.stringify({ readyMs, ...figures }))
} finally {
  for (const task of teardowns.toReversed()) await task()
}
