import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lack } from './lack.ts'
import type { Progress } from './progress.ts'
import { runStep } from './run-step.ts'

/** Programs of one Go module, built together so that what they share is compiled once. */
export interface GoPrograms {
  readonly module: string
  readonly version: string
  /** Packages to build, each with the program's name; a path that begins with `./` is in `sources`. */
  readonly packages: Readonly<Record<string, string>>
  /** Packages whose tests are built into a program each (`go test -c`), with its name. */
  readonly tests?: Readonly<Record<string, string>>
  /** A folder of Go sources of ours that is built too, inside a module that requires `module`. */
  readonly sources?: string
  /** Modules to require beside it, with their versions: those that its own go.mod replaces by a folder. */
  readonly beside?: Readonly<Record<string, string>>
  readonly ldflags?: string
  /** What is changed of the module's own files, where it does not fit what it requires as that is published. */
  readonly changes?: readonly SourceChange[]
  /** Build tags that leave parts of it out, and the modules that those parts alone need. */
  readonly tags?: readonly string[]
  /** Whether parts of it are C, for which the machine needs a compiler; default no. */
  readonly cgo?: boolean
  /** Modules of the same repository that it requires at v0.0.0, and where they are. */
  readonly staging?: boolean
}

/** One place in a file of the module. */
export interface SourceChange {
  /** Path in the module. */
  readonly file: string
  readonly from: string
  readonly to: string
}

const EVERY_MS = 15_000
/** Where the module is, changed. */
const CHANGED = 'changed'

/** Where Go keeps a module that it has fetched, and the checksum of it. */
export interface FetchedModule {
  readonly Dir: string
  readonly GoMod: string
  readonly Sum: string
}

/** The text of a go.mod that requires the module, with what its own go.mod leaves to whoever builds it. */
export function goModText(programs: GoPrograms, itsGoMod: string): string {
  const { module, version, beside = {}, changes, staging } = programs
  const go = /^go .+$/m.exec(itsGoMod)?.[0] ?? 'go 1.26.0'
  const godebug = /^godebug .+$/m.exec(itsGoMod)?.[0]
  const lines = [
    'module weft.dev/e2e/programs',
    go,
    ...(godebug ? [godebug] : []),
    ...Object.entries({ [module]: version, ...beside }).map(([name, its]) => `require ${name} ${its}`),
  ]
  // A replacement holds in the module that is built alone. One by a folder is nowhere else.
  for (const [, what, by] of itsGoMod.matchAll(/^(?:replace |\t)(\S+(?: v\S+)?) => (\S+ v\S+)/gm))
    lines.push(`replace ${what} => ${by}`)
  if (changes !== undefined) lines.push(`replace ${module} => ./${CHANGED}`)
  if (staging) {
    // Kubernetes v1.N.P publishes its staging repositories as v0.N.P.
    const its = version.replace(/^v1\./, 'v0.')
    for (const [, name] of itsGoMod.matchAll(/^\s*(\S+) => \.\/staging\//gm)) {
      lines.push(`replace ${name} => ${name} ${its}`)
    }
  }
  return `${lines.join('\n')}\n`
}

/** Builds the programs into `folder`; gives what to record. Go checks each module by its public checksum database. */
export async function buildGo(
  programs: GoPrograms,
  folder: string,
  progress: Progress,
): Promise<Record<string, string>> {
  const { module, version } = programs
  // A newer toolchain than the machine's comes as a module, if the machine's is 1.21 or newer.
  const env = {
    ...process.env,
    CGO_ENABLED: programs.cgo ? '1' : '0',
    GOTOOLCHAIN: 'auto',
    GOFLAGS: '-mod=mod -buildvcs=false',
    GOWORK: 'off',
  }
  const found = spawnSync('go', ['version'], { encoding: 'utf8', env })
  if (found.status !== 0)
    throw lack('there is no Go toolchain (`go version` fails)', 'install Go 1.26 or newer')
  const work = mkdtempSync(join(tmpdir(), 'weft-go-'))
  const step = (argv: readonly string[], onLine?: (line: string) => void) =>
    runStep(argv, { cwd: work, env, ...(onLine ? { onLine } : {}) })
  try {
    progress(`${module}@${version}: fetching`)
    const { Dir, GoMod, Sum } = await fetchGoModule(module, version)
    if (programs.changes !== undefined) copyChanged(Dir, join(work, CHANGED), programs.changes)
    writeFileSync(join(work, 'go.mod'), goModText(programs, readFileSync(GoMod, 'utf8')))
    const tests = Object.entries(programs.tests ?? {})
    const packages = Object.keys(programs.packages)
    const foreign = [...packages, ...tests.map(([path]) => path)].filter((path) => !path.startsWith('./'))
    if (foreign.length > 0) writeFileSync(join(work, 'tools.go'), toolsFile(foreign))
    if (programs.sources !== undefined) cpSync(programs.sources, work, { recursive: true })
    // It looks at no tag, and would fetch what they leave out; the build adds what it needs to go.mod by itself.
    if (programs.tags === undefined) await step(['go', 'mod', 'tidy'])
    const out = join(work, 'out')
    mkdirSync(out)
    const tell = teller(module, progress)
    const tags = programs.tags === undefined ? [] : ['-tags', programs.tags.join(',')]
    const flags = ['-trimpath', ...tags, '-ldflags', `-s -w ${programs.ldflags ?? ''}`]
    try {
      if (packages.length > 0)
        await step(['go', 'build', '-v', ...flags, '-o', `${out}/`, ...packages], tell.line)
      for (const [path, name] of tests) {
        // What it stands on first: go test does not tell what it compiles.
        await step(['go', 'build', '-v', ...flags, path], tell.line)
        await step(['go', 'test', '-c', '-vet=off', ...flags, '-o', join(folder, name), path])
      }
    } finally {
      tell.end()
    }
    for (const sums of ['go.mod', 'go.sum']) cpSync(join(work, sums), join(folder, `${sums}.txt`))
    for (const file of readdirSync(out))
      cpSync(join(out, file), join(folder, nameOf(programs.packages, file)))
    return { module, version, sum: Sum, go: found.stdout.trim() }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Throws where a place is not as it was when the change was written. */
function copyChanged(from: string, to: string, changes: readonly SourceChange[]): void {
  cpSync(from, to, { recursive: true })
  for (const { file, from: before, to: after } of changes) {
    const path = join(to, file)
    const text = readFileSync(path, 'utf8')
    if (!text.includes(before)) throw new Error(`${file} does not say ${JSON.stringify(before)}`)
    // As Go keeps it, nobody may write it.
    chmodSync(path, 0o644)
    writeFileSync(
      path,
      text.replace(before, () => after),
    )
  }
}

/** Has Go fetch a module into its own cache. Throws WeftError `programs.lack` where no proxy gives it. */
export async function fetchGoModule(module: string, version: string): Promise<FetchedModule> {
  const what = `${module}@${version}`
  try {
    return JSON.parse(
      await runStep(['go', 'mod', 'download', '-json', what], {
        cwd: tmpdir(),
        env: { ...process.env, GOTOOLCHAIN: 'auto', GOFLAGS: '', GOWORK: 'off' },
      }),
    ) as FetchedModule
  } catch (cause) {
    throw lack(
      `the Go module ${what} cannot be fetched`,
      'GOPROXY must name a module proxy that answers',
      cause,
    )
  }
}

/** Keeps the commands in go.mod when it is tidied; never compiled itself. */
function toolsFile(packages: readonly string[]): string {
  const imports = packages.map((path) => `import _ "${path}"`)
  return `//go:build tools\n\npackage tools\n\n${imports.join('\n')}\n`
}

function nameOf(packages: GoPrograms['packages'], file: string): string {
  const path = Object.keys(packages).find((one) => one.endsWith(`/${file}`))
  return path === undefined ? (Object.values(packages)[0] ?? file) : (packages[path] as string)
}

/** `go build -v` names each package that it compiles: 1,900 of them for Kubernetes. */
function teller(name: string, progress: Progress) {
  let count = 0
  const timer = setInterval(() => progress(`${name}: ${count} packages compiled`), EVERY_MS)
  return { line: () => void count++, end: () => clearInterval(timer) }
}
