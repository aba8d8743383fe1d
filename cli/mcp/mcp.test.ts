import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import t from 'tap'
import type { Test } from 'tap'
import { WeftError } from '../../core/errors.ts'
import type { Json } from '../../injector/json-patch.ts'
import type { MeshApi } from '../mesh/mesh-api.ts'
import { mcpServer, type McpOptions } from './server.ts'

const COVERAGE = { answered: 1, missing: [] }

/** A mesh that answers these pages. */
function meshOf(pages: Readonly<Record<string, object>>, asked: string[] = []): MeshApi {
  const answer = (page: string, query: object) => {
    asked.push(`${page} ${JSON.stringify(query)}`)
    return { replica: 'one', body: pages[page] as Json | undefined }
  }
  return {
    mesh: 'local',
    namespace: 'default',
    ask: async (page, query = {}) => [answer(page, query)],
    askAny: async (page, query = {}) => ({ ...answer(page, query), replicas: 1 }),
    openBase: async () => '',
    close: async () => undefined,
  }
}

async function connect(t: Test, options: McpOptions): Promise<Client> {
  const [here, there] = InMemoryTransport.createLinkedPair()
  const server = mcpServer(options)
  await server.connect(there)
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(here)
  t.teardown(() => client.close())
  return client
}

async function call(client: Client, name: string, args: object): Promise<{ error: boolean; text: string }> {
  const { content, isError } = await client.callTool({ name, arguments: { ...args } })
  const [first] = content as readonly { readonly text: string }[]
  return { error: isError === true, text: first?.text ?? '' }
}

t.test('tools only read, unless actions are allowed', async (t) => {
  const ask: McpOptions['ask'] = (question) => question(meshOf({}))
  const plain = await connect(t, { ask, directory: t.testdir({}) })
  const { tools } = await plain.listTools()
  t.strictSame(
    tools.map(({ name }) => name),
    ['stat', 'edges', 'traces', 'why', 'explain', 'lint'],
  )
  t.ok(tools.every(({ annotations }) => annotations?.readOnlyHint === true))
  t.match(await call(plain, 'canary', { namespace: 'shop', name: 'a', action: 'promote' }), { error: true })

  const acted: unknown[] = []
  const canary: McpOptions['canary'] = async (...args) => void acted.push(args)
  const allowed = await connect(t, { ask, directory: t.testdir({}), canary })
  t.match(await call(allowed, 'canary', { namespace: 'shop', name: 'a', action: 'promote' }), {
    error: false,
  })
  t.match(await call(allowed, 'canary', { namespace: 'shop', name: 'a', action: 'delete' }), { error: true })
  t.strictSame(acted, [['shop', 'a', 'promote']])
})

t.test('what the mesh knows, and what it does not', async (t) => {
  const asked: string[] = []
  const node = {
    id: 'web.shop',
    name: 'web',
    namespace: 'shop',
    kind: 'service',
    health: 'ok',
    traffic: { rate: 1 },
  }
  const edge = { source: '', target: 'web.shop' }
  const pages = {
    graph: { coverage: COVERAGE, from: 0, to: 1, nodes: [node], edges: [edge] },
    traces: { coverage: COVERAGE, traces: [], more: false },
    checks: {
      coverage: COVERAGE,
      checks: [{ code: 'WEFT0701', kind: '', namespace: '', name: '', field: '', message: '' }],
    },
    'authorization/decisions': { refusals: [] },
  }
  let there = true
  const client = await connect(t, {
    ask(question) {
      if (!there) throw new WeftError('mesh.none', 'no mesh runs')
      return question(meshOf(pages, asked))
    },
    directory: t.testdir({}),
  })
  t.match(JSON.parse((await call(client, 'stat', { last: '1h' })).text), { nodes: [{ id: 'web.shop' }] })
  t.match(JSON.parse((await call(client, 'edges', { namespace: 'shop' })).text), { edges: [edge] })
  t.match(JSON.parse((await call(client, 'traces', { status: '5xx', minMs: 10 })).text), { traces: [] })
  t.match(JSON.parse((await call(client, 'lint', {})).text), { checks: [{ code: 'WEFT0701' }] })
  t.strictSame(asked.slice(0, 3), [
    'graph {"last":"3600"}',
    'graph {"last":"300","namespace":"shop"}',
    'traces {"last":"300","limit":"50","status":"5xx","min":"10"}',
  ])
  const id = '4bf92f3577b34da6a3ce929d0e0e4736'
  t.match(await call(client, 'traces', { id }), { error: true, text: /no trace 4bf9\w+ is kept/ })
  t.match(await call(client, 'why', { reference: id }), { error: true, text: /no refusal 4bf9\w+ is known/ })
  t.match(await call(client, 'why', { reference: 'nothing' }), { error: true, text: /32 hexadecimal digits/ })
  t.match(await call(client, 'stat', { namespace: '../x' }), { error: true, text: /no name of a namespace/ })
  t.match(await call(client, 'stat', { last: 'ever' }), { error: true, text: /90s, 5m, 2h or 1d/ })
  there = false
  t.match(await call(client, 'stat', {}), { error: true, text: /no mesh runs/ })
})

t.test('an answer that is too large is refused', async (t) => {
  const nodes = Array.from({ length: 4000 }, (_, index) => ({
    id: `s${index}.shop`,
    name: `s${index}`,
    namespace: 'shop',
    kind: 'service',
    health: 'ok',
    traffic: { rate: 1 },
  }))
  const graph = { coverage: COVERAGE, from: 0, to: 1, nodes, edges: [] }
  const client = await connect(t, { ask: (question) => question(meshOf({ graph })), directory: '/' })
  t.match(await call(client, 'stat', {}), { error: true, text: /ask for one namespace or name/ })
  t.match(await call(client, 'stat', { name: 's7' }), { error: false })
})

t.test('over standard input and output, with manifests below the directory alone', async (t) => {
  const wrong = 'apiVersion: v1\nkind: Sevice\nmetadata: { name: a }\n'
  const directory = t.testdir({
    inside: { 'a.yaml': wrong, links: {} },
    outside: { 'a.yaml': wrong },
  })
  const cwd = join(directory, 'inside')
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [
        join(import.meta.dirname, '../weft.ts'),
        'mcp',
        '--local',
        '--state-dir',
        join(directory, 'none'),
      ],
      cwd,
    }),
  )
  t.teardown(() => client.close())
  t.match(client.getServerVersion(), { name: 'weft' })
  const { checks } = JSON.parse((await call(client, 'lint', { path: '.' })).text) as { checks: object[] }
  t.match(checks, [{ code: 'WEFT0003', line: 2 }])
  symlinkSync(join(directory, 'outside'), join(cwd, 'link'))
  symlinkSync(join(directory, 'outside/a.yaml'), join(cwd, 'links/a.yaml'))
  for (const path of ['..', '.', 'links', '../outside', 'link', '/etc', '-', 'nowhere'])
    t.match(await call(client, 'lint', { path }), { error: true }, path)
  t.match(await call(client, 'stat', {}), { error: true })
})
