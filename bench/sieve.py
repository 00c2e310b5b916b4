def sieve():
    n=5000000
    f=[True]*(n+1)
    for i in range(2,2300):
        if f[i]:
            for j in range(i*i,n+1,i): f[j]=False
    c=0
    for x in f:
        if x: c+=1
    return c
print(sieve())
