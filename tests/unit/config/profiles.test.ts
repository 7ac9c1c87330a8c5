import { describe, expect, test } from 'vitest'

import { parseConfig } from '../../../src/config/parse/parse.ts'
import { mistakes, web } from '../../support/mistakes.ts'

const root = '/projects/shop'
const services = {
  db: { kind: 'postgres' },
  web: { ...web, dependsOn: ['cache'] },
  cache: { ...web, profiles: ['extra'] },
  admin: { ...web, profiles: ['debug', 'tools'], dependsOn: ['mail'] },
  mail: { ...web, profiles: ['mail'] },
}

async function idle(plain: object, asked: readonly string[] = [], by?: string): Promise<readonly string[]> {
  const profiles = asked.map((name) => ({ name, ...(by !== undefined && { by }) }))
  const { config } = await parseConfig({ services, ...plain }, { root, profiles })
  return config.services.flatMap((one) => (one.idle === undefined ? [] : [`${one.name}: ${one.idle.join(' ')}`]))
}

describe('profiles', () => {
  test('a service with profiles is idle until one is asked for, or it is needed by a service that runs', async () => {
    expect(await idle({})).toEqual(['admin: debug tools', 'mail: mail'])
    expect(await idle({}, ['mail'])).toEqual(['admin: debug tools'])
    expect(await idle({}, ['tools'])).toEqual([])
    expect(await idle({ profiles: ['debug'] })).toEqual([])
  })

  test('one that no service has is a mistake, with the one that was meant', async () => {
    await expect(idle({}, ['debgu'])).rejects.toMatchObject({
      code: 'USAGE',
      message: 'no service has the profile "debgu"',
      hint: 'did you mean `debug`?',
    })
    await expect(idle({}, ['a'], 'POSTSTACK_PROFILES (.env:1)')).rejects.toMatchObject({
      message: 'no service has the profile "a", which POSTSTACK_PROFILES (.env:1) asks for',
    })
    expect(await mistakes({ profiles: ['tool'], services })).toEqual([
      'profiles[0]: no service has this profile: did you mean `tools`? | "tool"',
    ])
    expect(await mistakes({ services: { ...services, x: { ...web, profiles: ['-a'] } } })).toEqual([
      'services.x.profiles[0]: expected a name of a profile: letters, digits, `_`, `.` and `-`, beginning with a letter or digit | "-a"',
    ])
  })
})

describe('pull', () => {
  test('goes together with an image, and one image is for one platform', async () => {
    const build = { kind: 'container', build: { dockerfile: './D' } }
    const one = { kind: 'container', image: 'one' }
    expect(
      await mistakes({
        services: {
          db: { kind: 'postgres', pull: 'never' },
          app: { ...build, pull: 'always' },
          job: { ...one, pull: 'sometimes' },
          arm: { ...one, platform: 'linux/arm64' },
        },
      }),
    ).toEqual([
      'services.job.pull: expected one of missing, always, never | "sometimes"',
      'services.db.pull: goes together with `image`: an image that is built is pulled from nowhere | "never"',
      'services.app.pull: goes together with `image`: an image that is built is pulled from nowhere | "always"',
      'services.arm.platform: `job` runs the same image for the engine\'s own platform; name the images by digest, one for each platform | "linux/arm64"',
    ])
    const { config } = await parseConfig(
      { services: { a: { ...one, pull: 'missing' }, b: { ...one, pull: 'never' } } },
      { root },
    )
    expect(config.services.map((service) => 'pull' in service && service.pull)).toEqual([false, 'never'])
  })
})
