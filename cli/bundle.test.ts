import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { bundle, BUNDLES } from './bundle.ts'

// Not below the project: what a bundle lacks would be found there.
const into = mkdtempSync(join(tmpdir(), 'weft-bundle-'))
t.teardown(() => rmSync(into, { recursive: true }))

const node = (...args: readonly string[]) =>
  execFileSync(process.execPath, args, { encoding: 'utf8', cwd: '/' })

t.test('the bundle of one part answers with its name before the flags and without', async (t) => {
  for (const part of BUNDLES.filter((name) => name !== 'weft')) {
    const { path } = await bundle(part, { into })
    t.match(node(path, '--help'), new RegExp(`^Usage: weft ${part} `))
    t.equal(node(path, part, '--help'), node(path, '--help'), `args of an injected pod begin with ${part}`)
    if (part !== 'proxy' && part !== 'control-plane') continue
    const matched = `require('node:module').createRequire('${path}')('re2js').RE2JS.matches('a+', 'aa')`
    t.equal(node('-p', matched).trim(), 'true', `${part} carries what matches patterns`)
  }
  t.ok(existsSync(join(into, 'dashboard/page')), 'the dashboard is beside the control plane')
})

t.test('the proxy carries what it loads natively', async (t) => {
  await bundle('proxy', { into })
  const load = `require('node:module').createRequire('${into}/proxy/main.mjs')('koffi').sizeof('int')`
  t.equal(node('-p', load).trim(), '4')
  t.notOk(existsSync(join(into, 'proxy/node_modules/koffi/vendor')), 'and not its sources')
})
