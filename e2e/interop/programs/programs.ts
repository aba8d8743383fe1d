import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { debianProgram, type InstalledProgram } from '../../programs/debian.ts'
import { isCached } from '../../programs/cache.ts'
import { buildGo } from '../../programs/go-module.ts'
import { lack } from '../../programs/lack.ts'
import { fetchLibraries } from '../../programs/maven.ts'
import { ensureOnMachine } from '../../programs/on-machine.ts'
import { makePart, type Part } from '../../programs/part.ts'
import type { Progress } from '../../programs/progress.ts'
import { runStep } from '../../programs/run-step.ts'

const GRPC_GO = 'v1.85.0'
// Newer releases of the suite are not on every mirror of Maven Central.
const GRPC_JAVA = '1.76.0'
const CONNECT = 'v1.0.5'
const CONNECT_GO = 'v1.19.1'
const HYPER_H2 = '4.3.0'

const PARTS = {
  'interop-grpc-go': {
    folder: `interop-grpc-go-${GRPC_GO}`,
    make: (folder, progress) =>
      buildGo(
        {
          module: 'google.golang.org/grpc',
          version: GRPC_GO,
          packages: {
            'google.golang.org/grpc/interop/client': 'client',
            'google.golang.org/grpc/interop/server': 'server',
          },
        },
        folder,
        progress,
      ),
  },
  'interop-connect': {
    folder: `interop-connect-${CONNECT}`,
    make: (folder, progress) =>
      buildGo(
        {
          module: 'connectrpc.com/conformance',
          version: CONNECT,
          packages: Object.fromEntries(
            ['connectconformance', 'referenceclient', 'referenceserver', 'grpcclient', 'grpcserver'].map(
              (name) => [`connectrpc.com/conformance/cmd/${name}`, name],
            ),
          ),
        },
        folder,
        progress,
      ),
  },
  'interop-connect-go': {
    folder: `interop-connect-go-${CONNECT_GO}`,
    make: (folder, progress) =>
      buildGo(
        {
          module: 'connectrpc.com/connect',
          version: CONNECT_GO,
          packages: { './connectcaller': 'connectcaller' },
          sources: fileURLToPath(new URL('go', import.meta.url)),
        },
        folder,
        progress,
      ),
  },
  'interop-grpc-java': { folder: `interop-grpc-java-${GRPC_JAVA}`, make: copyJars },
  'interop-nghttp2': { folder: 'interop-nghttp2', make: unpackNghttp2 },
  'interop-python-h2': { folder: `interop-python-h2-${HYPER_H2}`, make: installPythonH2 },
} satisfies Record<string, Part>

/** The programs of one other project. */
export type InteropPart = keyof typeof PARTS

/** Makes the part if it is not in the cache. Its folder. Throws WeftError `programs.lack` that says what is missing. */
export function ensurePart(name: InteropPart, progress: Progress): Promise<string> {
  return makePart(PARTS[name], progress)
}

/** Whether all of a part is in the cache already. */
export function isMade(name: InteropPart): boolean {
  return isCached(PARTS[name].folder)
}

/** nghttp or h2load of a made part. */
export function nghttp2Program(name: 'nghttp' | 'h2load', folder: string): InstalledProgram {
  return debianProgram(name, folder)
}

/** Test client and server of grpc-java with all they need, as `java -cp FOLDER/*` takes them. */
async function copyJars(folder: string, progress: Progress): Promise<Record<string, string>> {
  const pom = fileURLToPath(new URL('pom.xml', import.meta.url))
  const java = await fetchLibraries(pom, { 'grpc.version': GRPC_JAVA }, folder, progress)
  return { version: GRPC_JAVA, java }
}

async function unpackNghttp2(folder: string, progress: Progress): Promise<Record<string, string>> {
  progress('nghttp2-client: fetching')
  const { argv, env } = debianProgram('nghttp', folder)
  const version = execFileSync(argv[0] as string, ['--version'], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  return { version: version.trim() }
}

async function installPythonH2(folder: string, progress: Progress): Promise<Record<string, string>> {
  ensureOnMachine('python3', 'python3', progress)
  if (spawnSync('python3', ['-m', 'pip', '--version']).status !== 0)
    throw lack('Python has no pip (`python3 -m pip` fails)', 'install it (Debian package python3-pip)')
  progress(`h2 ${HYPER_H2} of PyPI: fetching`)
  await runStep(['python3', '-m', 'pip', 'install', '--quiet', '--target', folder, `h2==${HYPER_H2}`])
  return { version: HYPER_H2, python: execFileSync('python3', ['--version'], { encoding: 'utf8' }).trim() }
}
