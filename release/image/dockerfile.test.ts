import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { BUNDLES } from '../../cli/bundle.ts'
import { readDockerfile } from './dockerfile.ts'

const DOCKER = join(import.meta.dirname, '../../deploy/docker')

t.test('each Dockerfile has the bundle of its name, and runs it as somebody', (t) => {
  for (const part of ['control-plane', 'injector', 'proxy', 'init', 'cni']) {
    const found = readDockerfile(readFileSync(join(DOCKER, `${part}.Dockerfile`), 'utf8'))
    t.ok(BUNDLES.includes(part))
    t.same(found.copies.at(-1), [`dist/${part}`, `/weft/${part}`], part)
    t.equal(found.entrypoint[0], '/usr/local/bin/node')
    t.equal(found.entrypoint.at(-1), `/weft/${part}/main.mjs`)
    t.same(found.env, part === 'proxy' ? { MALLOC_ARENA_MAX: '2' } : {})
    t.same(found.packages, part === 'init' ? ['iptables'] : part === 'cni' ? ['iptables', 'util-linux'] : [])
    t.match(found.labels, {
      'org.opencontainers.image.title': `weft-${part}`,
      'org.opencontainers.image.description': /^[A-Z].{20,}[^.]$/,
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.version': '$VERSION',
      'org.opencontainers.image.revision': '$REVISION',
      'org.opencontainers.image.source': '$SOURCE',
    })
    t.match(found.user, /^\d+:\d+$/)
    t.match(found.closures, [/^sh \/closure\.sh \/root-files \/usr\/local\/bin\/node\b/])
  }
  t.end()
})

t.test('what cannot be done here is told', (t) => {
  for (const line of [
    'ENV A=b',
    'LABEL a=b',
    'RUN true',
    'RUN apt-get install a',
    'COPY a /',
    'FROM x\nFROM y\nRUN true',
    'FROM x\nFROM y\nLABEL a=b c=d',
    'FROM x\nFROM y\nCOPY a b c',
  ])
    t.throws(
      () => readDockerfile(line.startsWith('FROM') ? line : `FROM x\n${line}`),
      /nothing here knows how to do/,
    )
  t.end()
})
