// Sends requests, each over its own connection, for some milliseconds; prints what came back.
import { get } from 'node:http'

const until = AbortSignal.timeout(Number(process.argv[3] ?? 5000))

const seen: Record<string, number> = {}
const errors: string[] = []
while (!until.aborted) {
  await new Promise<void>((resolve) => {
    const request = get(process.argv[2] ?? '', { agent: false, timeout: 5000 }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => {
        const { version } = JSON.parse(text) as { version: string }
        seen[version] = (seen[version] ?? 0) + 1
        resolve()
      })
    })
    request.on('error', (error) => {
      errors.push(error.message)
      resolve()
    })
  })
}
console.log(JSON.stringify({ seen, errors }))
