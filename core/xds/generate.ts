/**
 * `npm run generate`: makes the message codecs of `core/xds/generated/` from .proto files: Envoy's, which
 * the package @grpc/grpc-js-xds ships, and our own in `core/proto/`. Does nothing when they are up to date.
 */
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import protobuf from 'protobufjs'
import { emitModule } from './emit.ts'
import { MODULES, type ModuleSource } from './messages.ts'

const here = dirname(fileURLToPath(import.meta.url))
const target = join(here, 'generated')
const stamp = join(target, 'stamp')
const own = join(here, '..', 'proto')
const { resolve } = createRequire(import.meta.url)
const envoyPackage = dirname(resolve('@grpc/grpc-js-xds/package.json'))
const roots = [
  own,
  ...['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) =>
    join(envoyPackage, 'deps', name),
  ),
  // descriptor.proto, which annotations extend.
  dirname(resolve('protobufjs/package.json')),
]

function fingerprint(): string {
  const hash = createHash('sha256')
  const sources = ['generate.ts', 'emit.ts', 'messages.ts', ...globSync('served/*.ts', { cwd: here }).sort()]
  for (const file of [
    ...sources.map((name) => join(here, name)),
    ...ownFiles('').map((name) => join(own, name)),
    join(envoyPackage, 'package.json'),
  ]) {
    hash.update(file.slice(dirname(here).length)).update(readFileSync(file))
  }
  return hash.digest('hex')
}

/** Our own .proto files below `folder`, relative to `core/proto`. */
function ownFiles(folder: string): string[] {
  return globSync('**/*.proto', { cwd: join(own, folder) })
    .map((file) => join(folder, file))
    .sort()
}

/** Without Google's own, which the others import. */
function namesOf({ messages }: ModuleSource): string[] {
  if (messages === 'all') return []
  const names = messages.map((entry) => (typeof entry === 'string' ? entry : entry[0]))
  return names.filter((name) => !name.startsWith('google.'))
}

/** The .proto file of a message or service: in the folder of its package, the one that declares it. */
function fileOf(fullName: string): string {
  const parts = fullName.split('.')
  const first = parts.findIndex((part) => /^[A-Z]/.test(part))
  const folder = parts.slice(0, first).join('/')
  const declares = new RegExp(`^(message|service) ${parts[first]} \\{`, 'm')
  for (const root of roots)
    for (const file of globSync('*.proto', { cwd: join(root, folder) }).sort())
      if (declares.test(readFileSync(join(root, folder, file), 'utf8'))) return `${folder}/${file}`
  throw new Error(`${fullName} is in no .proto file of ${folder}: correct the name in core/xds/served`)
}

function load(source: ModuleSource): protobuf.Root | undefined {
  const files = source.files?.flatMap((file) => (file.endsWith('/') ? ownFiles(file) : [file])) ?? [
    ...new Set(namesOf(source).map(fileOf)),
  ]
  if (files.length === 0) return undefined
  const root = new protobuf.Root()
  root.resolvePath = (_origin, wanted) => {
    if (wanted in protobuf.common && !existsSync(join(own, wanted))) return wanted
    const found = roots.map((folder) => join(folder, wanted)).find((file) => existsSync(file))
    if (found === undefined) throw new Error(`${wanted} is imported and in none of ${roots.join(', ')}`)
    return found
  }
  root.loadSync(files, { keepCase: true })
  root.resolveAll()
  return root
}

function generate(): void {
  const want = fingerprint()
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === want && !process.argv.includes('--force')) return
  const started = performance.now()
  // Written aside and renamed: another process never sees half of it.
  const aside = `${target}.${process.pid}`
  mkdirSync(aside, { recursive: true })
  try {
    for (const source of MODULES) {
      const root = load(source)
      if (root === undefined) continue
      const { code, types } = emitModule(root, source)
      writeFileSync(join(aside, `${source.module}.js`), code)
      writeFileSync(join(aside, `${source.module}.d.ts`), types)
    }
    writeFileSync(join(aside, 'stamp'), want)
    mkdirSync(target, { recursive: true })
    for (const file of globSync('*', { cwd: aside })) renameSync(join(aside, file), join(target, file))
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
  process.stderr.write(`generated message codecs in ${Math.round(performance.now() - started)} ms\n`)
}

try {
  generate()
} catch (error) {
  process.stderr.write(`generate: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
