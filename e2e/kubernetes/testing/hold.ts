// Starts a cluster, says how to recognize it, and waits to be killed.
import { startCluster } from '../cluster/cluster.ts'
import { tracesOf } from './leftovers.ts'

const cluster = await startCluster({ mode: process.argv[2] === 'node' ? 'node' : 'api' })
const { id, namespaces } = tracesOf(cluster.logs)
console.log(JSON.stringify({ id, namespaces: [...namespaces] }))
await cluster.closed
