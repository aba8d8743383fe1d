import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheDirectory, madeOnce } from '../kubernetes/programs/cache.ts'
import { buildGo } from '../kubernetes/programs/go-module.ts'
import { lack } from '../kubernetes/programs/lack.ts'
import type { Progress } from '../kubernetes/programs/progress.ts'
import { runStep } from '../kubernetes/programs/run-step.ts'
import type { ClientProgram } from './client.ts'

const GRPC_GO = 'v1.85.0'
const GRPC_JAVA = '1.85.1'
const GRPC_JS = (
  JSON.parse(
    readFileSync(join(import.meta.dirname, '../../node_modules/@grpc/grpc-js-xds/package.json'), 'utf8'),
  ) as { version: string }
).version

export const LANGUAGES = ['go', 'java', 'node'] as const
export type Language = (typeof LANGUAGES)[number]

export const NODE_CLIENT: ClientProgram = {
  language: 'node',
  argv: [process.execPath, join(import.meta.dirname, 'node/caller.ts')],
  quotesClusters: false,
}

/** Which library each client is made of. */
export const VERSIONS: Readonly<Record<Language, string>> = {
  go: `google.golang.org/grpc ${GRPC_GO}`,
  java: `io.grpc:grpc-xds ${GRPC_JAVA}`,
  node: `@grpc/grpc-js-xds ${GRPC_JS}`,
}

/** A folder of the cache: another version or other sources have another. */
function folderOf(language: 'go' | 'java'): string {
  const hash = createHash('sha256').update(VERSIONS[language])
  const sources = join(import.meta.dirname, language)
  for (const file of globSync('**/*.*', { cwd: sources }).sort())
    hash.update(readFileSync(join(sources, file)))
  return `grpc-${language}-client-${hash.digest('hex').slice(0, 12)}`
}

/** Whether a client can be started without anything being fetched or built. */
export function isMade(language: Language): boolean {
  return language === 'node' || existsSync(join(cacheDirectory(), folderOf(language), 'record.json'))
}

/** Makes a client, where it is not in the cache yet. Throws WeftError `kubernetes.lack` that says what cannot be had here. */
export async function ensureClient(language: Language, progress: Progress): Promise<ClientProgram> {
  switch (language) {
    case 'node':
      return NODE_CLIENT
    case 'go': {
      const folder = await madeOnce(folderOf('go'), progress, (part) => {
        ensureDebian('go', 'golang-go', progress)
        const sources = join(import.meta.dirname, 'go')
        const packages = { './client': 'client' }
        return buildGo(
          { module: 'google.golang.org/grpc', version: GRPC_GO, packages, sources },
          part,
          progress,
        )
      })
      return { language, argv: [join(folder, 'client')], quotesClusters: false }
    }
    case 'java': {
      ensureDebian('java', 'default-jdk-headless', progress)
      const folder = await madeOnce(folderOf('java'), progress, (part) => buildJava(part, progress))
      const classes = `${join(folder, 'classes')}:${join(folder, 'lib', '*')}`
      // The first compiler alone: a short run is over before the second has done its work.
      const argv = ['java', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', classes, 'Client']
      return { language, argv, quotesClusters: true }
    }
  }
}

/** A program of the machine; on Debian, as root, its package is installed. */
function ensureDebian(program: string, debianPackage: string, progress: Progress): void {
  const has = () => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
  if (has()) return
  const cure = `install it (Debian package ${debianPackage})`
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    throw lack(`there is no program \`${program}\``, cure)
  progress(`apt-get install ${debianPackage}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args: readonly string[]) => spawnSync('apt-get', args, { env }).status === 0
  const install = ['install', '-qq', '-y', '--no-install-recommends', debianPackage]
  if (!apt(...install)) {
    // No package lists yet: a container image comes without.
    apt('update', '-qq')
    apt(...install)
  }
  if (!has()) throw lack(`there is no program \`${program}\`, and apt-get could not install it`, cure)
}

/** Fetches the library by Maven and compiles the client against it: `lib` and `classes` in `folder`. */
async function buildJava(folder: string, progress: Progress): Promise<Record<string, string>> {
  ensureDebian('javac', 'default-jdk-headless', progress)
  ensureDebian('mvn', 'maven', progress)
  const sources = join(import.meta.dirname, 'java')
  const work = mkdtempSync(join(tmpdir(), 'weft-java-'))
  try {
    cpSync(sources, work, { recursive: true })
    const [lib, classes] = [join(folder, 'lib'), join(folder, 'classes')]
    mkdirSync(classes)
    progress(`${VERSIONS.java}: fetching`)
    const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${lib}`, '-DincludeScope=runtime']
    await runStep(['mvn', '-q', '-B', `-Dgrpc.version=${GRPC_JAVA}`, ...copy], { cwd: work }).catch(
      (cause: unknown) => {
        throw lack(`${VERSIONS.java} cannot be fetched`, 'Maven must reach a repository', cause)
      },
    )
    await runStep(['javac', '-d', classes, '-cp', join(lib, '*'), join(work, 'Client.java')])
    const { stderr, stdout } = spawnSync('java', ['-version'], { encoding: 'utf8' })
    return { library: VERSIONS.java, java: `${stderr}${stdout}`.split('\n')[0] ?? '' }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
