import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleStitch } from '../../cli/bundle.ts'
import { compareCase, type Comparison, type Rounds } from '../against/measure.ts'
import type { Bed } from '../bed.ts'
import type { Case } from '../cases.ts'
import type { Peer } from '../peers/peer.ts'

/** An application whose traces are stitched (`now`) beside the same without (`before`); no proxy is in it. */
export const STITCH: Case = {
  name: 'stitch',
  title: 'a Node.js application that asks another for each request, with and without stitched traces',
  topology: 'plain',
  load: 'traced',
  origin: 'http1',
  size: 1024,
  connections: [8],
  targets: {},
}

const APP = fileURLToPath(new URL('app.ts', import.meta.url))

export async function measureStitch(bed: Bed, connections: number, rounds: Rounds): Promise<Comparison> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-stitch-'))
  try {
    const preload = join(folder, 'stitch.cjs')
    await bundleStitch(preload)
    const peers = [app('stitched', ['--require', preload]), app('plain', [])] as const
    return await compareCase(bed, STITCH, connections, peers, rounds)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function app(name: string, flags: readonly string[]): Peer {
  return {
    name,
    version: () => process.version,
    processes: ({ ports: { front, origin } }) => [
      { port: front, argv: [process.execPath, ...flags, APP, String(front), String(origin)] },
    ],
  }
}
