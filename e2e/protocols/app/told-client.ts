// Asks servers behind the PROXY protocol who they were told calls: `http://host:port` and `host:port`, as one JSON object.
import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

const [web = '', server = ''] = process.argv.slice(2)
const agents = [new Agent({ keepAlive: true, maxSockets: 1 }), new Agent({ keepAlive: true, maxSockets: 1 })]
const asked: string[][] = []
for (const agent of agents) {
  const answers: string[] = []
  for (let i = 0; i < 3; i++) {
    const [answer] = (await once(get(web, { agent }), 'response')) as [IncomingMessage]
    answers.push(await text(answer))
  }
  asked.push(answers)
}
for (const agent of agents) agent.destroy()

const [host, port] = server.split(':')
const socket = connect({ host, port: Number(port) })
await once(socket, 'connect')
const { port: from } = socket.address() as AddressInfo
// What is said before the sidecar does is no header of its.
socket.write('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n')
console.log(JSON.stringify({ asked, bytes: await text(socket), from }))
process.exit(0)
