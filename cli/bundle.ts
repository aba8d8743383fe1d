import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build, type BuildOptions } from 'esbuild'
import { STITCH_FILE } from '../core/contract.ts'
import { describeError } from '../core/errors.ts'
import { buildPage, PAGE } from '../dashboard/build.ts'
import { bundleStitch } from '../injector/stitch/bundle.ts'

const USAGE = `usage: npm run build [-- PART...] [--quiet]

Bundles what images ship into dist/PART: main.mjs with what it loads on demand beside it, all that the part needs on
a machine that has Node.js only. Prints its size and the time that its --help takes; of what asks a Kubernetes cluster
also the time until it has read a kubeconfig, for which it loads a library that a pod's own credentials do not need.

  PART     proxy, control-plane, injector, init, cni, weft (all); weft is the command with all parts in it
  --quiet  print nothing, measure nothing
`

const PROJECT = fileURLToPath(new URL('..', import.meta.url))

/** Each part's file and what it exports to run it. */
const PARTS: Readonly<Record<string, readonly [file: string, run: string]>> = {
  proxy: ['proxy/main.ts', 'runProxy'],
  'control-plane': ['control-plane/main.ts', 'runControlPlane'],
  injector: ['injector/injector.ts', 'runInjector'],
  init: ['injector/init.ts', 'runInit'],
  cni: ['injector/cni/main.ts', 'runCni'],
}
const COMMAND = 'weft'
/** What loads the library that reads kubeconfigs, and ends: an empty one is refused. A pod does without it. */
const KUBECONFIG_ARGS: Readonly<Record<string, readonly string[]>> = {
  'control-plane': ['--kubernetes', '--kubeconfig', '/dev/null'],
  weft: ['control-plane', '--kubernetes', '--kubeconfig', '/dev/null'],
}

/** Native, or loaded by few, so they stay packages: of an image their files are copied into `dist/PART/node_modules`. */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  proxy: ['koffi', 're2js'],
  'control-plane': ['re2js'],
  [COMMAND]: ['koffi', 're2js'],
}
/** Of such a package: what runs, and its licence. Sources and documents are no part of an image. */
const SHIPPED = /\.(c?js|json|node)$|\/LICENSE[^/]*$/

export const BUNDLES: readonly string[] = [...Object.keys(PARTS), COMMAND]

/**
 * What a proxy's process gives Node.js. Unbounded, the young generation grows to 48 MiB under load and is copied
 * through by threads beside the loop: with 4 MiB a half, 64 connections take 70 MiB and a tenth of the CPU less. The
 * collector it calls itself, when all is quiet.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=4', '--expose-gc']

/**
 * And the control plane's. Of what reports bring, little is kept: most is garbage that has grown old while it was read, and
 * the heap would double before it is collected. It may grow by half.
 */
export const CONTROL_PLANE_FLAGS: readonly string[] = ['--max-semi-space-size=4', '--heap-growing-percent=50']

/**
 * Its environment. glibc makes an arena for each thread (mallopt(3)), and what the collector's threads free stays in
 * theirs: two are enough for one loop, and take 17 MiB away at 1,000 connections.
 */
export const PROXY_ENV: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '2' }

// CommonJS packages in a module ask for what a module does not have.
const REQUIRE =
  "import { createRequire as weftRequire } from 'node:module'; const require = weftRequire(import.meta.url);"

/** The CNI plugin, which injector/cni/node-program.ts looks for beside the daemon. One script: it starts in half the time. */
const CNI_PLUGIN_SCRIPT = 'plugin.cjs'

/** The thread that keeps telemetry, which control-plane/store/store.ts looks for beside the program. */
const STORE_WORKER = 'store-worker.mjs'

const ENGINE = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node26',
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  banner: { js: REQUIRE },
  // One loads its own library from its package, only where a listener captures; one only where there is a pattern.
  external: [...new Set(Object.values(PACKAGES).flat())],
  logLevel: 'warning',
} as const satisfies BuildOptions

export interface BundleOptions {
  /** `dist` of the project unless given. */
  readonly into?: string
  /** Its packages beside it, which it does not run without; true unless npm is to bring them. */
  readonly packages?: boolean
  /** A module that runs before the part's own, in one program with it; of a part alone. */
  readonly before?: string
}

/**
 * Bundles a part into `PART` of a folder; gives the path of its program. Split where the source imports on demand: a proxy
 * alone then loads a tenth of the text, and has 7 MB less of its own. Names stay, for profiles and error messages.
 */
export async function bundle(
  part: string,
  { into = join(PROJECT, 'dist'), packages = true, before }: BundleOptions = {},
): Promise<{ path: string; files: number; bytes: number }> {
  const folder = join(into, part)
  rmSync(folder, { recursive: true, force: true })
  const { metafile } = await build({
    ...ENGINE,
    ...entryOf(part, before),
    splitting: true,
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    metafile: true,
  })
  if (part === COMMAND || part === 'proxy') await bundleStitch(join(folder, STITCH_FILE))
  const outputs = Object.values(metafile.outputs)
  if (part === COMMAND || part === 'control-plane') {
    await copyPage(join(into, 'dashboard', 'page'))
    const { metafile: ofStore } = await build({
      ...ENGINE,
      entryPoints: [join(PROJECT, 'control-plane/store/worker.ts')],
      outfile: join(folder, STORE_WORKER),
      metafile: true,
    })
    outputs.push(...Object.values(ofStore.outputs))
  }
  if (part === 'cni') {
    const { metafile: ofPlugin } = await build({
      ...ENGINE,
      format: 'cjs',
      banner: {},
      stdin: {
        contents: `import { runPlugin } from './injector/cni/plugin-process.ts'
runPlugin().then((code) => { process.exitCode = code })`,
        resolveDir: PROJECT,
        sourcefile: 'plugin.ts',
        loader: 'ts',
      },
      outfile: join(folder, CNI_PLUGIN_SCRIPT),
      metafile: true,
    })
    outputs.push(...Object.values(ofPlugin.outputs))
  }
  if (packages) for (const name of PACKAGES[part] ?? []) copyPackage(name, folder)
  return {
    path: join(folder, 'main.mjs'),
    files: outputs.length,
    bytes: outputs.reduce((sum, output) => sum + output.bytes, 0),
  }
}

/**
 * A bundle of one part takes its name as the first argument, too: an image answers like `weft` does. The command has a
 * second program, the process that runs a cluster on one machine.
 */
function entryOf(part: string, before?: string): Pick<BuildOptions, 'stdin' | 'entryPoints' | 'entryNames'> {
  const found = PARTS[part]
  if (!found)
    return {
      entryPoints: [
        { in: join(PROJECT, 'cli/weft.ts'), out: 'main' },
        { in: join(PROJECT, 'local/node/main.ts'), out: 'local-node' },
      ],
    }
  const [file, run] = found
  const contents = `${before === undefined ? '' : `import ${JSON.stringify(before)}\n`}import { ${run} } from './${file}'
const argv = process.argv.slice(2)
process.exitCode = await ${run}(argv[0] === '${part}' ? argv.slice(1) : argv)`
  return { stdin: { contents, resolveDir: PROJECT, sourcefile: 'main.ts', loader: 'ts' }, entryNames: 'main' }
}

/** The dashboard's page, to where the control plane looks for it: `dashboard/page` beside `PART`. */
async function copyPage(to: string): Promise<void> {
  await buildPage()
  if (to === PAGE) return
  rmSync(to, { recursive: true, force: true })
  cpSync(PAGE, to, { recursive: true })
}

/** A package and, where it is native, the binaries that npm chose for this machine's processor. */
function copyPackage(name: string, folder: string): void {
  const packages = join(PROJECT, 'node_modules')
  const manifest = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8')) as PackageManifest
  const binaries = Object.keys(manifest.optionalDependencies ?? {}).filter((one) =>
    existsSync(join(packages, one)),
  )
  for (const one of [name, ...binaries]) copyShipped(join(packages, one), join(folder, 'node_modules', one))
}

/** Copies what an image has of a package's folder. */
export function copyShipped(from: string, to: string): void {
  cpSync(from, to, {
    recursive: true,
    filter: (source) =>
      SHIPPED.test(source) || (statSync(source).isDirectory() && !/\/(doc|vendor)$/.test(source)),
  })
}

interface PackageManifest {
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Milliseconds from exec to the end, the middle of three. */
function startMs(path: string, argv: readonly string[]): number {
  const times = Array.from({ length: 3 }, () => {
    const began = performance.now()
    const { error } = spawnSync(process.execPath, [path, ...argv], { stdio: 'ignore' })
    if (error) throw error
    return performance.now() - began
  })
  return Math.round(times.sort((a, b) => a - b)[1] as number)
}

function startText(part: string, path: string): string {
  const text = `starts in ${startMs(path, ['--help'])} ms`
  const kubeconfig = KUBECONFIG_ARGS[part]
  return kubeconfig ? `${text}, with a kubeconfig in ${startMs(path, kubeconfig)} ms` : text
}

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { quiet: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const unknown = positionals.find((part) => !BUNDLES.includes(part))
  if (unknown !== undefined) {
    console.error(`bundle: there is no part \`${unknown}\`; known are ${BUNDLES.join(', ')}`)
    return 2
  }
  for (const part of positionals.length > 0 ? positionals : BUNDLES) {
    const { path, files, bytes } = await bundle(part)
    if (values.quiet) continue
    const size = `${String(Math.round(bytes / 1024)).padStart(6)} KiB in ${String(files).padStart(2)} files`
    console.log(`${part.padEnd(14)} ${size}  ${startText(part, path)}`)
  }
  return 0
}

if (import.meta.main)
  main(process.argv.slice(2)).then(
    (code) => {
      process.exitCode = code
    },
    (error: unknown) => {
      console.error(`bundle: ${describeError(error)}`)
      process.exitCode = 1
    },
  )
