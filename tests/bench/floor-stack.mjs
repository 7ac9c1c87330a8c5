/**
 * The least that a stack of plain containers takes from an engine, in plain Node over its socket: a network, containers made and started,
 * a list of what is there, one of them made anew, and all of it removed; as many calls at once as Poststack has. Nothing is waited for.
 */
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'

const [file, verb] = process.argv.slice(2)
const { atOnce, image, name, services, socket } = JSON.parse(readFileSync(file, 'utf8'))
const agent = new Agent({ keepAlive: true })
const containers = Array.from({ length: services }, (_, index) => `${name}-app${String(index)}`)

if (verb === 'up') {
  await send('POST', '/networks/create', { Name: name })
  await each(containers, create)
  await each(containers, start)
}
if (verb === 'again') await send('GET', '/containers/json?all=1')
if (verb === 'change') {
  const [changed] = containers
  await send('DELETE', `/containers/${changed}?force=true`)
  await create(changed)
  await start(changed)
}
if (verb === 'down') {
  await each(containers, (container) => send('DELETE', `/containers/${container}?force=true`))
  await send('DELETE', `/networks/${name}`)
}
agent.destroy()

function create(container) {
  return send('POST', `/containers/create?name=${container}`, {
    Image: image,
    Cmd: ['sleep', 'infinity'],
    HostConfig: { NetworkMode: name },
  })
}

function start(container) {
  return send('POST', `/containers/${container}/start`)
}

async function each(items, act) {
  const queue = items.values()
  const work = async () => {
    for (const item of queue) await act(item)
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

function send(method, path, body) {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body)
    const headers = { host: 'engine', 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    const call = request({ socketPath: socket, method, path: `/v1.40${path}`, headers, agent }, (response) => {
      let answer = ''
      response.on('data', (part) => (answer += part))
      response.on('end', () => {
        // What is gone already need not be removed.
        if (response.statusCode < 300 || (method === 'DELETE' && response.statusCode === 404)) resolve(answer)
        else reject(new Error(`${method} ${path}: ${answer}`))
      })
    })
    call.on('error', reject)
    call.end(text)
  })
}
