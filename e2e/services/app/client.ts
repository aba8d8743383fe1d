// Makes the calls of a plan (JSON, in its one argument) in order, and prints what each said as a JSON array.
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import type { Call } from './call.ts'

const answers: string[] = []
for (const call of JSON.parse(process.argv[2] ?? '[]') as readonly Call[])
  for (let i = 0; i < (call.times ?? 1); i++) answers.push(await make(call).catch(failure))
console.log(JSON.stringify(answers))

async function make({ kind, host, port, family, serverName }: Call): Promise<string> {
  if (kind === 'http') {
    const asked = get({ host, port, agent: false, path: '/', family, headers: { host: 'any.example' } })
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    const body = await text(response)
    return response.statusCode === 200
      ? body
      : `${response.statusCode} ${String(response.headers['proxy-status'])}`
  }
  const socket: Socket = connect({ host, port, family })
  if (kind === 'tcp') return text(socket)
  // Without verification: which server answers is what is asked.
  return text(connectTls({ socket, servername: serverName, rejectUnauthorized: false }))
}

function failure(error: unknown): string {
  return `failed: ${(error as NodeJS.ErrnoException).code ?? String(error)}`
}
