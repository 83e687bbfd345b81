#!/usr/bin/env python3
"""Shows shelltrail at work, without AWS: python3 deploy/quickstart.py

Builds the program, starts an AWS emulator on loopback, uploads the transcripts of fixtures/bucket/ into a
bucket that notifies a queue, lets `shelltrail worker` index them, and searches. Everything it makes lies in
target/quickstart; nothing that it starts outlives it. Needs cargo, a C compiler, Python 3.10 or later with
venv, and at the first run a package index and crates.io.
"""
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FIXTURES = os.path.join(REPOSITORY, "fixtures", "bucket")
SUPPORT = os.path.join(REPOSITORY, "tests", "support")
REGION = "eu-west-1"
BUCKET, QUEUE = "example-central-transcripts", "example-transcript-events"
START_SECS = 60
LITERAL = "/etc/shadow | head -2"


class Failed(Exception):
    """The quick-start cannot go on; the text says why and what to do."""


def main():
    if sys.version_info < (3, 10):
        raise Failed("the emulator needs Python 3.10 or later, this is " + sys.version.split()[0])
    if not shutil.which("cargo"):
        raise Failed("cargo was not found; install Rust from https://rustup.rs and open a new shell")
    if not os.path.isdir(FIXTURES):
        raise Failed(f"{FIXTURES} is missing; run this from a complete clone")

    say("building shelltrail (the first time takes some minutes)")
    program, work = build()
    say("installing the emulator (moto) into a private environment")
    python = install(work)
    say("starting the emulator on loopback")
    emulator, url = start(python, work)
    try:
        say("making a key, an encrypted bucket, a queue and its dead-letter queue, and uploading transcripts")
        made = json.loads(output_of([python, os.path.abspath(__file__), "provision", url], local_environment(url)))
        print(f"   {made['objects']} objects in s3://{BUCKET}, announced in {made['queue_url']}")
        say("indexing what the queue announces, until it is empty")
        tour(program, os.path.join(work, "index"), made["queue_url"], local_environment(url))
    finally:
        stop(emulator)


def tour(program, index, queue_url, environment):
    shutil.rmtree(index, ignore_errors=True)
    index = os.path.relpath(index)

    def shelltrail(*arguments, quiet=False):
        if not quiet:
            print("\n$ shelltrail " + shlex.join(arguments), flush=True)
        finished = subprocess.run([program, *arguments], env=environment, stdout=subprocess.PIPE if quiet else None, text=True)
        if finished.returncode != 0:
            raise Failed(f"shelltrail {arguments[0]} ended with exit code {finished.returncode}")
        return finished.stdout

    shelltrail("worker", "--queue-url", queue_url, "--index", index, "--drain")
    say("searching: a word, then a piece of a command with its punctuation")
    shelltrail("search", "sudo", "--index", index, "--limit", "3")
    shelltrail("search", LITERAL, "--index", index)
    say("reading on around a hit")
    lines = shelltrail("search", LITERAL, "--index", index, "--format", "jsonl", quiet=True)
    hit = json.loads(lines.splitlines()[0])
    shelltrail("show", "--index", index, "--around", str(hit["seq"]), "-C", "2", "--", hit["session"])

    say("the index stays, and needs neither emulator nor AWS; try")
    run = [os.path.relpath(program)]
    for arguments in (
        ["sessions", "--index", index],
        ["search", "curl", "--index", index, "--account", "444455556666"],
        ["search", ".bash_history", "--index", index, "-C", "1"],
        ["show", "--index", index, "--", hit["session"]],
        ["status", "--index", index],
    ):
        print("   " + shlex.join(run + arguments))
    print("\nWith AWS: deploy/README.md")


def build():
    """Returns the program and a directory of our own below the target directory."""
    metadata = output_of(["cargo", "metadata", "--format-version", "1", "--no-deps"], os.environ, cwd=REPOSITORY)
    target = json.loads(metadata)["target_directory"]
    built = subprocess.run(["cargo", "build", "--bin", "shelltrail"], cwd=REPOSITORY)
    if built.returncode != 0:
        raise Failed("the build failed; what cargo says stands above")
    return os.path.join(target, "debug", "shelltrail"), os.path.join(target, "quickstart")


def install(work):
    """Installs the packages that the integration tests use too, unless it did before."""
    with open(os.path.join(SUPPORT, "requirements-moto.txt")) as file:
        wanted = sys.version + "\n" + file.read()
    environment = os.path.join(work, "python")
    python, stamp = os.path.join(environment, "bin", "python"), os.path.join(environment, "installed.txt")
    try:
        with open(stamp) as file:
            if file.read() == wanted:
                return python
    except OSError:
        pass
    shutil.rmtree(environment, ignore_errors=True)
    os.makedirs(work, exist_ok=True)
    if subprocess.run([sys.executable, "-m", "venv", environment]).returncode != 0:
        raise Failed("Python could not make a virtual environment; on Debian and Ubuntu install python3-venv")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "-r", file.name]
    if subprocess.run(pip).returncode != 0:
        raise Failed("pip could not install moto; it needs a package index at the first run")
    with open(stamp, "w") as file:
        file.write(wanted)
    return python


def start(python, work):
    """Starts moto, which ends when our end of its standard input closes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, said = f"http://127.0.0.1:{port}", os.path.join(work, "moto.txt")
    runner = os.path.join(SUPPORT, "run_emulator.py")
    with open(said, "wb") as file:
        emulator = subprocess.Popen(
            [python, runner, "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            env=local_environment(url), stdin=subprocess.PIPE, stdout=file, stderr=file, start_new_session=True)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + START_SECS
    try:
        while emulator.poll() is None and time.monotonic() < end:
            try:
                with opener.open(url + "/moto-api/", timeout=2):
                    return emulator, url
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise Failed(f"moto does not answer; what it said is in {said}")
    except BaseException:
        stop(emulator)
        raise


def stop(emulator):
    emulator.stdin.close()
    try:
        emulator.wait(10)
    except subprocess.TimeoutExpired:
        emulator.kill()
        emulator.wait()


def local_environment(url):
    """An environment that knows the emulator and no real account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_", "SHELLTRAIL_"))}
    kept.update(
        AWS_ENDPOINT_URL=url, AWS_REGION=REGION, AWS_DEFAULT_REGION=REGION, AWS_EC2_METADATA_DISABLED="true",
        AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing",
        AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        NO_PROXY="127.0.0.1", no_proxy="127.0.0.1",
        # Two seconds without a message are enough to call this queue empty.
        SHELLTRAIL_WORKER_RECEIVE_WAIT_SECS="2")
    return kept


def provision(url):
    """Runs in the private environment, which has boto3; the whole set-up of a central bucket."""
    import boto3

    s3, sqs, kms = (boto3.client(service, endpoint_url=url) for service in ("s3", "sqs", "kms"))
    key = kms.create_key(Description="transcripts")["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})

    dead_url = sqs.create_queue(QueueName=QUEUE + "-dead", Attributes={"MessageRetentionPeriod": "1209600"})["QueueUrl"]
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = {"deadLetterTargetArn": dead_arn, "maxReceiveCount": 10}
    attributes = {"VisibilityTimeout": "120", "RedrivePolicy": json.dumps(redrive)}
    queue_url = sqs.create_queue(QueueName=QUEUE, Attributes=attributes)["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    target = {"QueueArn": queue_arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [target]})

    objects = 0
    for folder, _, names in os.walk(FIXTURES):
        for name in names:
            path = os.path.join(folder, name)
            s3.upload_file(path, BUCKET, os.path.relpath(path, FIXTURES).replace(os.sep, "/"))
            objects += 1
    print(json.dumps({"queue_url": queue_url, "objects": objects}))


def output_of(command, environment, cwd=None):
    finished = subprocess.run(command, env=environment, cwd=cwd, stdout=subprocess.PIPE, text=True)
    if finished.returncode != 0:
        raise Failed(f"{shlex.join(command[:3])} ended with exit code {finished.returncode}")
    return finished.stdout


def say(text):
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if sys.argv[1:2] == ["provision"]:
            provision(sys.argv[2])
        elif sys.argv[1:]:
            sys.exit(__doc__)
        else:
            main()
    except Failed as problem:
        sys.exit(f"quickstart: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)
