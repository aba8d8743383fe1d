// Run as `node call.ts HOST:PORT...`: prints a JSON object of what each address answered, or the error's code.
import { connect } from 'node:net'

const answers = await Promise.all(
  process.argv.slice(2).map(async (address) => {
    const [, host = '', port] = /^\[?(.*?)\]?:([0-9]+)$/.exec(address) ?? []
    return [address, await call(host, Number(port))] as const
  }),
)
process.stdout.write(JSON.stringify(Object.fromEntries(answers)))

function call(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 3000 })
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString()))
    socket.on('timeout', () => socket.destroy(Object.assign(new Error('timeout'), { code: 'TIMEOUT' })))
    socket.on('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message))
    socket.on('close', () => resolve(text))
  })
}
