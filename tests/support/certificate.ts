/**
 * A certificate for `localhost` and 127.0.0.1 that vouches for itself, valid for a hundred years, with its key. It protects
 * nothing: it is here because not every machine that runs the tests has a program to make one.
 */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUVDCgt+2cwLVncxtmokiAvS2g/yMwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzA1NDAwM1oYDzIxMjYxMDMw
MDU0MDAzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASBJvI/hHQ8RiokD0HQUBVePpc6vbEUYwOc9EesYcNjBrSxCTr6dmwg
jrHvcIb+GoIgIm7+FrWrbPpm5ARdlB4Wo28wbTAdBgNVHQ4EFgQU7N+TGjjtXyRL
1Is7UDh/i1tX7e8wHwYDVR0jBBgwFoAU7N+TGjjtXyRL1Is7UDh/i1tX7e8wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhAOSPsO7LriePPSeVj7GNZORO5/BWZ9gXoGbQa6x/cqMyAiAW
w25Ugr59wSURWT4NK70FAdqrKjk8sBA03NFMF1Iskw==
-----END CERTIFICATE-----
`

export const certificateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQglql3mETsEKgE2vG5
Nj6ARAfjNLnMdvzPzSTYUVneU6yhRANCAASBJvI/hHQ8RiokD0HQUBVePpc6vbEU
YwOc9EesYcNjBrSxCTr6dmwgjrHvcIb+GoIgIm7+FrWrbPpm5ARdlB4W
-----END PRIVATE KEY-----
`
