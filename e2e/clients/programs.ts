import { createHash } from 'node:crypto'
import { globSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isCached, madeOnce } from '../programs/cache.ts'
import { buildGo } from '../programs/go-module.ts'
import { fetchLibraries } from '../programs/maven.ts'
import { ensureOnMachine } from '../programs/on-machine.ts'
import type { Progress } from '../programs/progress.ts'
import { runStep } from '../programs/run-step.ts'
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
  return language === 'node' || isCached(folderOf(language))
}

/** Makes a client, where it is not in the cache yet. Throws WeftError `programs.lack` that says what cannot be had here. */
export async function ensureClient(language: Language, progress: Progress): Promise<ClientProgram> {
  switch (language) {
    case 'node':
      return NODE_CLIENT
    case 'go': {
      const folder = await madeOnce(folderOf('go'), progress, (part) => {
        ensureOnMachine('go', 'golang-go', progress)
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
      ensureOnMachine('java', 'default-jdk-headless', progress)
      const folder = await madeOnce(folderOf('java'), progress, (part) => buildJava(part, progress))
      const classes = `${join(folder, 'classes')}:${join(folder, 'lib', '*')}`
      // The first compiler alone: a short run is over before the second has done its work.
      const argv = ['java', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', classes, 'Client']
      return { language, argv, quotesClusters: true }
    }
  }
}

/** Fetches the library by Maven and compiles the client against it: `lib` and `classes` in `folder`. */
async function buildJava(folder: string, progress: Progress): Promise<Record<string, string>> {
  ensureOnMachine('javac', 'default-jdk-headless', progress)
  const sources = join(import.meta.dirname, 'java')
  const [lib, classes] = [join(folder, 'lib'), join(folder, 'classes')]
  mkdirSync(classes)
  const java = await fetchLibraries(join(sources, 'pom.xml'), { 'grpc.version': GRPC_JAVA }, lib, progress)
  await runStep(['javac', '-d', classes, '-cp', join(lib, '*'), join(sources, 'Client.java')])
  return { library: VERSIONS.java, java }
}
