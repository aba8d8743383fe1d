import { createInterface } from 'node:readline'
import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js'
import { register } from '@grpc/grpc-js-xds'

// A gRPC client without a sidecar, as a process of its own: the library reads GRPC_XDS_BOOTSTRAP_CONFIG when loaded.
// A line of input `COUNT TARGET METHOD` makes so many calls; a line of output tells what came back, as a JSON object of
// answers and their numbers, e.g. {"v1":90,"UNAVAILABLE":10}.

register()

const identity = (bytes: Buffer): Buffer => bytes
const AT_ONCE = 20
const clients = new Map<string, Client>()

function call(client: Client, method: string): Promise<string> {
  return new Promise((resolve) =>
    client.makeUnaryRequest(
      method,
      identity,
      identity,
      Buffer.alloc(0),
      { deadline: Date.now() + 10_000 },
      (error: ServiceError | null, answer?: Buffer) =>
        resolve(error ? (status[error.code] ?? 'unknown') : String(answer)),
    ),
  )
}

for await (const line of createInterface({ input: process.stdin })) {
  const [count = '', target = '', method = ''] = line.split(' ')
  const client = clients.get(target) ?? new Client(target, credentials.createInsecure())
  clients.set(target, client)
  const answers: Record<string, number> = {}
  let left = Number(count)
  const callOnAndOn = async (): Promise<void> => {
    while (left-- > 0) {
      const answer = await call(client, method)
      answers[answer] = (answers[answer] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, callOnAndOn))
  process.stdout.write(`${JSON.stringify(answers)}\n`)
}
process.exit(0)
