import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { mustRun } from '../../local/node/run-command.ts'

const PROJECT = join(import.meta.dirname, '../..')

/**
 * The plugin as a single executable of Node.js, with V8's code cache (nodejs.org/api/single-executable-applications.html), in a
 * folder; gives its path.
 */
export async function buildSingleExecutable(folder: string): Promise<string> {
  const main = join(folder, 'single.cjs')
  await build({
    stdin: {
      contents: `import { runPlugin } from './injector/cni/plugin-process.ts'
runPlugin().then((code) => { process.exitCode = code })`,
      resolveDir: PROJECT,
      loader: 'ts',
    },
    outfile: main,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    minify: true,
    logLevel: 'warning',
  })
  const output = join(folder, 'single')
  const configuration = join(folder, 'single.json')
  writeFileSync(
    configuration,
    JSON.stringify({ main, output, disableExperimentalSEAWarning: true, useCodeCache: true }),
  )
  await mustRun([process.execPath, `--build-sea=${configuration}`])
  return output
}
