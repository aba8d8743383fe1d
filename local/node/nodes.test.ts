import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { parsePodSpec } from '../manifest/parse-pod.ts'
import { LOST_AFTER_MS, Nodes } from './nodes.ts'

const spec = (more: object = {}) =>
  parsePodSpec({ containers: [{ name: 'main', image: 'busybox' }], ...more }, 'spec', () => {})

async function three() {
  const links: string[] = []
  const evicted: string[] = []
  const clock = new ManualClock()
  const nodes = new Nodes(
    {
      mode: 'vxlan',
      join: async (node) => void links.push(`join ${node.index}`),
      setLink: async (node, state) => void links.push(`${state} ${node.index}`),
    },
    clock,
  )
  nodes.attach({
    nodesChanged() {},
    evict: async (node, lost) => void evicted.push(`${node}${lost ? ' lost' : ''}`),
  })
  for (const zone of ['zone-a', 'zone-b', 'zone-a']) await nodes.add(undefined, zone)
  return { nodes, clock, links, evicted }
}

t.test('pods of one owner go to different nodes, then to the node with the fewest', async (t) => {
  const { nodes } = await three()
  const on = (owner: string, more: object = {}) => nodes.place(spec(more), owner).node.name
  t.strictSame(
    ['x', 'x', 'y', 'x', 'z'].map((owner) => on(owner)),
    ['node-1', 'node-2', 'node-3', 'node-3', 'node-1'],
  )
  t.equal(on('x', { nodeName: 'node-3' }), 'node-3')
  t.equal(on('w', { nodeSelector: { 'topology.kubernetes.io/zone': 'zone-b' } }), 'node-2')
  t.equal(on('v', { nodeSelector: { 'kubernetes.io/hostname': 'node-1', disk: 'ssd' } }), 'node-1')
  t.throws(() => on('u', { nodeSelector: { 'topology.kubernetes.io/zone': 'zone-c' } }), {
    code: 'local.no_node',
    message: /zone-c/,
  })
})

t.test('addresses are of the node, and come back', async (t) => {
  const { nodes } = await three()
  const placement = nodes.place(spec({ nodeName: 'node-2' }), 'x')
  t.equal(placement.addresses.v4, '10.244.2.2')
  nodes.release(placement)
  for (let i = 0; i < 253; i++) nodes.place(spec({ nodeName: 'node-2' }), 'x')
  t.throws(() => nodes.place(spec({ nodeName: 'node-2' }), 'x'), { message: /253 pods are the limit/ })
})

t.test('a node that is cut off is lost after a while, and back at once', async (t) => {
  const { nodes, clock, links, evicted } = await three()
  await nodes.stop('node-2')
  t.equal(nodes.status[1]?.ready, true, 'nobody knows yet')
  clock.advance(LOST_AFTER_MS)
  t.equal(nodes.status[1]?.ready, false)
  t.strictSame(evicted, ['node-2 lost'])
  t.strictSame(
    nodes.eligible(spec()).map(({ name }) => name),
    ['node-1', 'node-3'],
  )
  await nodes.start('node-2')
  t.equal(nodes.status[1]?.schedulable, true)
  t.strictSame(links.slice(3), ['down 2', 'up 2'])
  await nodes.stop('node-1')
  await nodes.start('node-1')
  clock.advance(LOST_AFTER_MS)
  t.strictSame(evicted, ['node-2 lost'], 'a short cut loses nothing')
})

t.test('a drained node takes no pods but those that name it', async (t) => {
  const { nodes, evicted } = await three()
  await nodes.drain('node-1')
  t.strictSame(evicted, ['node-1'])
  t.equal(nodes.place(spec(), 'x').node.name, 'node-2')
  t.equal(nodes.place(spec({ nodeName: 'node-1' }), 'x').node.name, 'node-1')
})

t.test('what is asked wrongly is refused by name', async (t) => {
  const { nodes } = await three()
  await t.rejects(nodes.add('node-1', ''), { message: /already/ })
  await t.rejects(nodes.add('Node 1', ''), { message: /no name of a node/ })
  await t.rejects(nodes.add(undefined, 'a b'), { message: /no zone/ })
  await t.rejects(nodes.drain('node-9'), { message: /there are node-1, node-2, node-3/ })
  for (let i = 3; i < 16; i++) await nodes.add(undefined, '')
  await t.rejects(nodes.add(undefined, ''), { message: /16 nodes are the limit/ })
  const one = new Nodes(undefined, new ManualClock())
  await t.rejects(one.add(undefined, ''), { message: /--nodes 2/ })
  await t.rejects(one.drain('local'), { message: /--nodes 2/ })
  t.equal(one.place(spec({ nodeName: 'elsewhere' }), 'x').node.name, 'local', 'as it was: one node has all')
})
