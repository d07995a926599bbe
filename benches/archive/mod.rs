//! An archive of CloudTrail's, made: the same bytes for the same seed, with what is true of it.
//!
//! Calls, callers and texts vary as in the logs of an account that works (random ids, keys, addresses and times; some two
//! dozen operations; policies as text inside requests), so that it compresses about nine to one, as real ones do. A denial is
//! mostly a program that tries again: one of the same session for the same thing, [`LOOP`] times on average. One record in a
//! hundred holds an object that looks like a denied event, in its request.

use flate2::{Compression, write::GzEncoder};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

/// Denials in a row of one session for one thing, on average.
const LOOP: u64 = 20;

/// Sessions at work at a time.
const SESSIONS: u64 = 12;

/// What is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Log files.
    pub files: u64,
    /// Records of each, on average.
    pub records: u64,
    /// Of 10,000 records so many are denied.
    pub denied: u64,
}

/// What was made.
#[derive(Debug, Default)]
pub struct Truth {
    /// Records.
    pub records: u64,
    /// Denied ones.
    pub denied: u64,
    /// Different pairs of role and queue among them.
    pub different: BTreeSet<(u64, u64)>,
}

/// Numbers that look like chance (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn id(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        let (head, tail) = (a >> 32, b & 0xffff_ffff_ffff);
        format!("{head:08x}-{:04x}-4{:03x}-a{:03x}-{tail:012x}", a >> 16 & 0xffff, a & 0xfff, b >> 48 & 0xfff)
    }

    fn upper(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        (0..length).map(|_| char::from(LETTERS[self.below(32) as usize])).collect()
    }
}

/// Service, operation, reads only, category.
const CALLS: [(&str, &str, bool, &str); 15] = [
    ("sqs", "SendMessage", false, "Data"),
    ("sts", "AssumeRole", true, "Management"),
    ("kms", "Decrypt", true, "Management"),
    ("ec2", "DescribeInstances", true, "Management"),
    ("ec2", "DescribeNetworkInterfaces", true, "Management"),
    ("s3", "GetObject", true, "Data"),
    ("s3", "PutObject", false, "Data"),
    ("logs", "CreateLogStream", false, "Management"),
    ("ssm", "UpdateInstanceInformation", false, "Management"),
    ("monitoring", "DescribeAlarms", true, "Management"),
    ("iam", "GetRolePolicy", true, "Management"),
    ("lambda", "ListTags20170331", true, "Management"),
    ("dynamodb", "DescribeTable", true, "Management"),
    ("secretsmanager", "GetSecretValue", true, "Management"),
    ("ecs", "DescribeServices", true, "Management"),
];

const AGENTS: [&str; 6] = [
    "aws-sdk-java/2.25.11 Linux/5.10.210 OpenJDK_64-Bit_Server_VM/17.0.10+7-LTS Java/17.0.10 io/sync http/Apache cfg/retry-mode/standard",
    "Boto3/1.34.69 md/Botocore#1.34.69 ua/2.0 os/linux#5.10.209-198.858.amzn2.x86_64 md/arch#x86_64 lang/python#3.11.8",
    "APN/1.0 HashiCorp/1.0 Terraform/1.7.4 (+https://www.terraform.io) terraform-provider-aws/5.40.0 aws-sdk-go/1.50.36 (go1.21.8; linux; amd64)",
    "aws-sdk-go/1.44.300 (go1.20.5; linux; arm64) amazon-ssm-agent/3.2.2303.0",
    "aws-sdk-js/3.529.1 ua/2.1 os/linux#5.10.213 lang/js md/nodejs#20.11.1 api/sqs#3.529.1",
    "config.amazonaws.com",
];

/// A session of a role: what stays the same from call to call.
struct Session {
    role: u64,
    identity: String,
    address: String,
    agent: &'static str,
}

fn session(chance: &mut Chance, account: &str, role: u64, at: u64) -> Session {
    let (id, key) = (chance.upper(16), chance.upper(16));
    let name = format!("i-{:017x}", chance.next() >> 8);
    let identity = format!(
        r#"{{"type":"AssumedRole","principalId":"AROA{id}:{name}","arn":"arn:aws:sts::{account}:assumed-role/service-{role}/{name}","accountId":"{account}","accessKeyId":"ASIA{key}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROA{id}","arn":"arn:aws:iam::{account}:role/service-{role}","accountId":"{account}","userName":"service-{role}"}},"webIdFederationData":{{}},"attributes":{{"creationDate":"{}","mfaAuthenticated":"false"}},"ec2RoleDelivery":"2.0"}}}}"#,
        time(at.saturating_sub(chance.below(3_000)))
    );
    let address = format!("10.{}.{}.{}", chance.below(8), chance.below(256), chance.below(256));
    Session { role, identity, address, agent: AGENTS[chance.below(AGENTS.len() as u64) as usize] }
}

/// Seconds of 2026-11-10 on, as CloudTrail writes times.
fn time(second: u64) -> String {
    let day = 10 + second / 86_400;
    format!("2026-11-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600 % 24, second / 60 % 60, second % 60)
}

/// What an operation answers, or adds: `responseElements` and `additionalEventData`.
fn answer(chance: &mut Chance, operation: &str, account: &str) -> String {
    match operation {
        "AssumeRole" => format!(
            r#""responseElements":{{"credentials":{{"accessKeyId":"ASIA{}","sessionToken":"{}","expiration":"Nov 10, 2026, 11:20:46 AM"}},"assumedRoleUser":{{"assumedRoleId":"AROA{}:session","arn":"arn:aws:sts::{account}:assumed-role/service-{}/session"}}}},"#,
            chance.upper(16),
            chance.upper(356),
            chance.upper(16),
            chance.below(400)
        ),
        "GetObject" | "PutObject" => format!(
            r#""responseElements":null,"additionalEventData":{{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"{}=","bytesTransferredOut":{}}},"#,
            chance.upper(75),
            chance.below(9_000_000)
        ),
        _ => r#""responseElements":null,"#.to_owned(),
    }
}

fn request(chance: &mut Chance, operation: &str, account: &str) -> String {
    let n = chance.below(400);
    match operation {
        "AssumeRole" => format!(
            r#"{{"roleArn":"arn:aws:iam::{account}:role/service-{n}","roleSessionName":"i-{:017x}","durationSeconds":3600}}"#,
            chance.next() >> 8
        ),
        "Decrypt" => format!(
            r#"{{"encryptionContext":{{"aws:lambda:FunctionArn":"arn:aws:lambda:eu-west-1:{account}:function:worker-{n}"}},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}}"#
        ),
        "GetObject" | "PutObject" => format!(
            r#"{{"bucketName":"data-{}","Host":"data-{}.s3.eu-west-1.amazonaws.com","key":"exports/2026/11/{}/{}.parquet"}}"#,
            n % 20,
            n % 20,
            n % 28,
            chance.id()
        ),
        "GetRolePolicy" => format!(
            r#"{{"roleName":"service-{n}","policyName":"inline","document":"{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Action\":[\"sqs:SendMessage\",\"sqs:ReceiveMessage\"],\"Resource\":\"arn:aws:sqs:eu-west-1:{account}:queue-{n}\"}}]}}"}}"#
        ),
        "DescribeInstances" | "DescribeNetworkInterfaces" => format!(
            r#"{{"maxResults":1000,"filterSet":{{"items":[{{"name":"tag:service","valueSet":{{"items":[{{"value":"service-{n}"}}]}}}}]}},"instancesSet":{{"items":[{{"instanceId":"i-{:017x}"}}]}}}}"#,
            chance.next() >> 8
        ),
        "CreateLogStream" => format!(
            r#"{{"logGroupName":"/aws/lambda/worker-{n}","logStreamName":"2026/11/10/[$LATEST]{:016x}{:016x}"}}"#,
            chance.next(),
            chance.next()
        ),
        _ => format!(r#"{{"name":"thing-{n}","nextToken":"{}"}}"#, chance.upper(64)),
    }
}

/// An object of a caller's choosing that looks like a denied event.
const HOSTILE: &str = r#"{"encryptionContext":{"x":"},{\"eventVersion\":\"1.08\",\"errorCode\":\"AccessDenied\"}"},"items":[{"eventVersion":"1.08","userIdentity":{"type":"Root"},"eventName":"CreateUser","errorCode":"AccessDenied","errorMessage":"no"}]}"#;

/// Writes the archive below a folder.
pub fn make(folder: &Path, plan: Plan, seed: u64) -> std::io::Result<Truth> {
    let mut chance = Chance(seed);
    let mut truth = Truth::default();
    // Sessions and loops of an account go on from file to file.
    let mut accounts = ["111122223333", "444455556666", "777788889999"].map(|account| {
        let sessions: Vec<Session> = (0..SESSIONS).map(|_| draw(&mut chance, account, 0)).collect();
        (account, sessions, (0, 0, 0))
    });
    for file in 0..plan.files {
        let (account, sessions, looping) = &mut accounts[(file % 3) as usize];
        let at = file * 10 * 86_400 / plan.files;
        let mut text = "{\"Records\":[".to_owned();
        for number in 0..plan.records {
            let at = at + number * 300 / plan.records;
            if chance.below(40) == 0 {
                let place = chance.below(SESSIONS) as usize;
                sessions[place] = draw(&mut chance, account, at);
            }
            // A loop goes on between as many other calls, until it is over.
            if looping.0 == 0 && chance.below(10_000 * LOOP - 2 * LOOP * plan.denied) < plan.denied {
                *looping = (1 + chance.below(2 * LOOP - 1), chance.below(SESSIONS) as usize, chance.below(3));
            }
            let is_denied = looping.0 > 0 && chance.below(2) == 0;
            if number > 0 {
                text.push(',');
            }
            let who = &sessions[if is_denied { looping.1 } else { chance.below(SESSIONS) as usize }];
            truth.records += 1;
            if is_denied {
                looping.0 -= 1;
                truth.denied += 1;
                // A role lacks three queues at most.
                let queue = who.role * 3 + looping.2;
                truth.different.insert((who.role, queue));
                denied(&mut text, &mut chance, who, account, at, queue);
            } else {
                allowed(&mut text, &mut chance, who, account, at);
            }
        }
        text.push_str("]}");
        let stamp: String = time(at + 300).chars().filter(|c| !matches!(c, '-' | ':')).collect();
        let name = format!("{account}_CloudTrail_eu-west-1_{}Z_{}.json.gz", &stamp[..13], chance.upper(16));
        let day = folder.join(format!("AWSLogs/{account}/CloudTrail/eu-west-1/2026/11/{}", &time(at)[8..10]));
        std::fs::create_dir_all(&day)?;
        let mut out = GzEncoder::new(Vec::new(), Compression::default());
        out.write_all(text.as_bytes())?;
        std::fs::write(day.join(name), out.finish()?)?;
    }
    Ok(truth)
}

fn draw(chance: &mut Chance, account: &str, at: u64) -> Session {
    let role = chance.below(120);
    session(chance, account, role, at)
}

fn allowed(text: &mut String, chance: &mut Chance, who: &Session, account: &str, at: u64) {
    let (service, operation, reads, category) = CALLS[chance.below(CALLS.len() as u64) as usize];
    let request = if chance.below(100) == 0 { HOSTILE.to_owned() } else { request(chance, operation, account) };
    let failed = match chance.below(60) {
        0 => r#""errorCode":"ResourceNotFoundException","errorMessage":"Requested resource not found","#,
        _ => "",
    };
    record(text, chance, who, account, at, (service, operation, reads, category), failed, &request);
}

fn denied(text: &mut String, chance: &mut Chance, who: &Session, account: &str, at: u64, queue: u64) {
    let arn = who.identity.split("\"arn\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let error = format!(
        r#""errorCode":"AccessDenied","errorMessage":"User: {arn} is not authorized to perform: sqs:sendmessage on resource: arn:aws:sqs:eu-west-1:{account}:queue-{queue} because no identity-based policy allows the sqs:sendmessage action","#
    );
    record(text, chance, who, account, at, ("sqs", "SendMessage", false, "Data"), &error, "null");
}

#[allow(clippy::too_many_arguments)] // the fields of a record
fn record(
    text: &mut String,
    chance: &mut Chance,
    who: &Session,
    account: &str,
    at: u64,
    (service, operation, reads, category): (&str, &str, bool, &str),
    error: &str,
    request: &str,
) {
    let (request_id, event_id, at) = (chance.id(), chance.id(), time(at));
    let answer =
        if error.is_empty() { answer(chance, operation, account) } else { r#""responseElements":null,"#.to_owned() };
    let Session { identity, address, agent, .. } = who;
    let host = format!("{service}.eu-west-1.amazonaws.com");
    // Writing to a text cannot fail.
    let _ = write!(
        text,
        r#"{{"eventVersion":"1.09","userIdentity":{identity},"eventTime":"{at}","eventSource":"{service}.amazonaws.com","eventName":"{operation}","awsRegion":"eu-west-1","sourceIPAddress":"{address}","userAgent":"{agent}",{error}"requestParameters":{request},{answer}"requestID":"{request_id}","eventID":"{event_id}","readOnly":{reads},"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"{account}","eventCategory":"{category}","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{host}"}}}}"#
    );
}
