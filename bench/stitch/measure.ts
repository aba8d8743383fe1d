import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleStitch } from '../../injector/stitch/bundle.ts'
import { compareCase, type Comparison, type Rounds } from '../against/measure.ts'
import type { Bed } from '../bed.ts'
import { STITCH } from '../cases.ts'
import type { Peer } from '../peers/peer.ts'

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
