import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** Bundles what an application is started with where its traces are stitched: one file, for whatever Node.js it has. */
export async function bundleStitch(outfile: string): Promise<void> {
  await build({
    entryPoints: [fileURLToPath(new URL('main.ts', import.meta.url))],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node14',
    outfile,
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'warning',
  })
}
