"""x."""
def test_x(terminal, two, capsys):
    """x."""
    seen=[]
    for argv in ("release","release","deploy --env test","deploy --env test","deploy --env prod", "deploy --env prod --json --profile releaser","status","status --json","bootstrap --dry-run","bootstrap", "smoke --env test","doctor","deploy --env tset","deploy --env test --service helo","sandbox.start","deploy --env test --release", "deploy --release= --env test", "--help deploy","deploy", "build push","status -j"):
        seen.append((argv, terminal.invoke(*argv.split())))
    with capsys.disabled():
        for a, s in seen:
            print("$",a, s.code); print(s.out); print("ERR",s.err)
